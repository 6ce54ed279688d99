import { NativeSelect } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import type { PersonRole } from "../../api/roles";
import { organizationsQuery, type RoleBinding } from "../../api/users";
import { personRoleSummaries, personRoleWords } from "../../api/words";
import { useHere } from "../../frame/place";

const ROLES = Object.keys(personRoleWords) as PersonRole[];
const SEPARATOR = "/";

/** What is being chosen, and the fields to choose it with. */
export function useRoleFields(): { binding: RoleBinding; fields: React.ReactNode } {
  const { session } = useHere();
  const { data: organizations } = useQuery(organizationsQuery);
  const [role, setRole] = useState<PersonRole>("VIEWER");
  const [place, setPlace] = useState("");
  const [orgIdentifier, projectIdentifier] = place.split(SEPARATOR);
  const binding: RoleBinding = {
    role,
    ...(orgIdentifier && { orgIdentifier }),
    ...(projectIdentifier && { projectIdentifier }),
  };
  const fields = (
    <>
      <NativeSelect
        label="Role"
        description={personRoleSummaries[role]}
        value={role}
        data={ROLES.map((value) => ({ value, label: personRoleWords[value] }))}
        onChange={(event) => setRole(event.currentTarget.value as PersonRole)}
      />
      <NativeSelect
        label="Where it holds"
        description="The account, an organisation or one project"
        value={place}
        onChange={(event) => setPlace(event.currentTarget.value)}
        data={[
          { value: "", label: "The whole account" },
          {
            group: "Organisations",
            items: (organizations ?? []).map(({ identifier, name }) => ({
              value: identifier,
              label: `${name}: all projects`,
            })),
          },
          {
            group: "Projects",
            items: session.projects.map((project) => ({
              value: project.orgIdentifier + SEPARATOR + project.projectIdentifier,
              label: `${project.orgIdentifier} / ${project.name}`,
            })),
          },
        ]}
      />
    </>
  );
  return { binding, fields };
}
