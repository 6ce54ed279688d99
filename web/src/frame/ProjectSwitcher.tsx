import { Select, Text } from "@mantine/core";
import { useNavigate } from "@tanstack/react-router";
import classes from "./ProjectSwitcher.module.css";
import { baseOf, useHere } from "./place";

/** Which project the pages are about; it stands in the address. */
export function ProjectSwitcher() {
  const { session, project, base } = useHere();
  const navigate = useNavigate();
  if (session.projects.length === 1) {
    return (
      <div className={classes.only}>
        <Text size="xs" c="dimmed">
          {project.orgIdentifier}
        </Text>
        <Text size="sm" fw={600}>
          {project.name}
        </Text>
      </div>
    );
  }
  const orgs = [...new Set(session.projects.map((one) => one.orgIdentifier))].sort();
  const data = orgs.map((org) => ({
    group: org,
    items: session.projects
      .filter((one) => one.orgIdentifier === org)
      .map((one) => ({ value: baseOf(one), label: one.name })),
  }));
  return (
    <Select
      label="Project"
      data={data}
      value={base}
      searchable
      allowDeselect={false}
      limit={100}
      maxDropdownHeight={320}
      nothingFoundMessage="No project of that name"
      // Its pages are the same, so what one looks at stays, as far as it is not about one thing of the other project.
      onChange={(to) => to && navigate({ to: samePage(location.pathname, base, to) })}
    />
  );
}

function samePage(path: string, from: string, to: string): string {
  const [section, page] = path.slice(from.length).split("/").filter(Boolean);
  return [to, section, page].filter(Boolean).join("/");
}
