import { Text, Title } from "@mantine/core";
import { type ReactNode, useEffect } from "react";
import classes from "./Page.module.css";

interface Props {
  title: string;
  /** What stands in the tab, where that is more than the title. */
  tab?: string;
  description?: ReactNode;
  /** Buttons beside the title. */
  actions?: ReactNode;
  /** Above the title: the way back. */
  above?: ReactNode;
  children: ReactNode;
}

/** A page: its title in the tab and at the top, its actions, its content. */
export function Page({ title, tab, description, actions, above, children }: Props) {
  usePageTitle(tab ?? title);
  return (
    <div className={classes.page}>
      <div className={classes.head}>
        <div className={classes.words}>
          {above}
          <Title order={1} size="h2" className={classes.title}>
            {title}
          </Title>
          {description && (
            <Text c="dimmed" component="div">
              {description}
            </Text>
          )}
        </div>
        {actions && <div className={classes.actions}>{actions}</div>}
      </div>
      {children}
    </div>
  );
}

export function usePageTitle(title: string): void {
  useEffect(() => {
    document.title = `${title} · Sextant`;
  }, [title]);
}

/** A part of a page with a title of its own. */
export function Section({
  title,
  description,
  actions,
  children,
}: {
  title: string;
  description?: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
}) {
  return (
    <section className={classes.section}>
      <div className={classes.head}>
        <div className={classes.words}>
          <Title order={2} size="h4">
            {title}
          </Title>
          {description && (
            <Text c="dimmed" size="sm">
              {description}
            </Text>
          )}
        </div>
        {actions}
      </div>
      {children}
    </section>
  );
}
