import { Paper, Text, Title } from "@mantine/core";
import type { ReactNode } from "react";
import { ThemeSwitch } from "../frame/ThemeSwitch";
import icon from "../icon.svg";
import { usePageTitle } from "../ui/Page";
import classes from "./Card.module.css";

/** What is shown to who is not signed in: one thing in the middle. */
export function Card({
  title,
  description,
  children,
}: {
  title: string;
  description?: string | undefined;
  children: ReactNode;
}) {
  usePageTitle(title);
  return (
    <div className={classes.whole}>
      <header className={classes.top}>
        <ThemeSwitch />
      </header>
      <main className={classes.main}>
        <div className={classes.brand}>
          <img src={icon} width={40} height={40} alt="" />
          <span>Sextant</span>
        </div>
        <Paper withBorder p="lg" className={classes.card}>
          <Title order={1} size="h3">
            {title}
          </Title>
          {description && (
            <Text c="dimmed" size="sm">
              {description}
            </Text>
          )}
          <div className={classes.content}>{children}</div>
        </Paper>
      </main>
    </div>
  );
}
