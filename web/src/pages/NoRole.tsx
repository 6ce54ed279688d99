import { useQuery } from "@tanstack/react-query";
import { Navigate } from "@tanstack/react-router";
import { sessionQuery } from "../api/session";
import { UserMenu } from "../frame/UserMenu";
import { Empty } from "../ui/states";
import { Card } from "./Card";

/** Somebody who is known here and has no role anywhere. */
export function NoRole() {
  const { data: session } = useQuery(sessionQuery);
  if (!session) return <Navigate to="/sign-in" replace />;
  return (
    <Card title="You have no role yet">
      <Empty title="Nothing to see">
        Ask someone who manages users to give you a role, then load this page again.
      </Empty>
      <UserMenu session={session} />
    </Card>
  );
}
