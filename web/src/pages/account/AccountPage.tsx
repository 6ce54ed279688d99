import { Button } from "@mantine/core";
import { useState } from "react";
import { PasswordDialog } from "../../frame/PasswordDialog";
import { useHere } from "../../frame/place";
import { KeyIcon } from "../../ui/icons";
import { Page, Section } from "../../ui/Page";
import { Rights } from "../../ui/Rights";
import { Sessions } from "../users/Sessions";

/** What one can do about oneself. */
export function AccountPage() {
  const { session, project } = useHere();
  const [changing, setChanging] = useState(false);
  const { name, email } = session.user;
  return (
    <Page
      title="My account"
      description={name && name !== email ? `${name}, ${email}` : email}
      actions={
        <Button variant="default" leftSection={<KeyIcon size={16} />} onClick={() => setChanging(true)}>
          Change password
        </Button>
      }
    >
      <Sessions
        mayEnd
        description="Where you are signed in. End what you do not know, then change your password."
      />
      <Section
        title={`What you may do in ${project.name}`}
        description="Given by your roles. Someone who manages users can change them."
      >
        <Rights held={project.permissions} heldOnly />
      </Section>
      {changing && <PasswordDialog email={email} onClose={() => setChanging(false)} />}
    </Page>
  );
}
