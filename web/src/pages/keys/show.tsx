import { Badge, Text } from "@mantine/core";
import type { ApiKey } from "../../api/keys";
import { roleName } from "../../api/words";
import { TextLink } from "../../ui/links";
import { Moment, relativeTime } from "../../ui/time";
import classes from "./KeysPage.module.css";

const STATUS: Record<string, { label: string; color: string }> = {
  ACTIVE: { label: "Active", color: "green" },
  DISABLED: { label: "Disabled", color: "gray" },
  EXPIRED: { label: "Expired", color: "red" },
};

/** A key's name, which leads to its page. */
export function KeyLink({ apiKey }: { apiKey: ApiKey }) {
  return (
    <div>
      <TextLink
        to="/orgs/$org/projects/$project/settings/api-keys/$id"
        params={{ org: apiKey.orgIdentifier, project: apiKey.projectIdentifier, id: apiKey.id }}
        fw={600}
        size="sm"
      >
        {apiKey.name}
      </TextLink>
      <Text size="xs" c="dimmed" ff="monospace">
        {apiKey.prefix}
      </Text>
    </div>
  );
}

export function StatusBadge({ apiKey }: { apiKey: ApiKey }) {
  const { label, color } = STATUS[apiKey.status] ?? { label: apiKey.status, color: "gray" };
  return (
    <Badge variant="light" color={color} tt="none" radius="sm">
      {label}
    </Badge>
  );
}

export function RoleBadge({ role }: { role: string }) {
  return (
    <Badge variant="light" color={role === "ADMIN" ? "orange" : "indigo"} tt="none" radius="sm">
      {roleName(role)}
    </Badge>
  );
}

export function CreatedBy({ apiKey }: { apiKey: ApiKey }) {
  const { type, name } = apiKey.createdBy;
  const who = type === "API_KEY" ? `key ${name}` : type === "SYSTEM" ? "command line" : name;
  return (
    <>
      <Text size="sm" className={classes.who} title={who}>
        {who}
      </Text>
      <Text size="xs" c="dimmed">
        <Moment at={apiKey.createdAt} />
      </Text>
    </>
  );
}

export function LastUsed({ apiKey }: { apiKey: ApiKey }) {
  if (!apiKey.lastUsedAt)
    return (
      <Text size="sm" c="dimmed" span>
        Never
      </Text>
    );
  return (
    <>
      <Text size="sm" span>
        <Moment at={apiKey.lastUsedAt} />
      </Text>
      {apiKey.lastUsedAddress && (
        <Text size="xs" c="dimmed">
          from {apiKey.lastUsedAddress}
        </Text>
      )}
    </>
  );
}

const SOON = 14 * 86_400_000;

export function Expiry({ at }: { at: string | null | undefined }) {
  if (!at)
    return (
      <Text size="sm" c="dimmed" span>
        Never
      </Text>
    );
  const left = Date.parse(at) - Date.now();
  return (
    <Text
      size="sm"
      span
      {...(left < SOON && { c: left < 0 ? "dimmed" : "var(--mantine-color-error)", fw: 600 })}
    >
      <Moment at={at} />
    </Text>
  );
}

const LATELY = 30 * 86_400_000;

/** Whether something would notice its end: it was used within 30 days and still opens. */
export const isInUse = (apiKey: ApiKey): boolean =>
  apiKey.status === "ACTIVE" &&
  Boolean(apiKey.lastUsedAt) &&
  Date.now() - Date.parse(apiKey.lastUsedAt ?? "") < LATELY;

/** `last used 3 minutes ago from 10.1.2.3 by curl/8.1` */
export function lastUse(apiKey: ApiKey): string {
  if (!apiKey.lastUsedAt) return "never used";
  const from = apiKey.lastUsedAddress ? ` from ${apiKey.lastUsedAddress}` : "";
  const by = apiKey.lastUsedUserAgent ? ` by ${apiKey.lastUsedUserAgent}` : "";
  return `last used ${relativeTime(apiKey.lastUsedAt)}${from}${by}`;
}
