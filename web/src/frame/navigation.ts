import type { ComponentType } from "react";
import type { Permission } from "../api/roles";
import { BookIcon, HomeIcon, KeyIcon, ListIcon, UsersIcon } from "../ui/icons";

export interface Entry {
  label: string;
  icon: ComponentType<{ size?: number }>;
  /** Below the project, such as `settings/api-keys`. */
  path: string;
  /** `path` is a whole address: the page is not below the project. */
  whole?: boolean;
  /** Who lacks it is not offered the page. */
  permission?: Permission;
  /** The permission counts at the account, not in the project. */
  account?: boolean;
}

export interface Group {
  label?: string;
  /** The second step of the published path. */
  below?: string;
  entries: readonly Entry[];
}

/** The menu, in the published order. A page that is not there yet has no entry. */
export const navigation: readonly Group[] = [
  { entries: [{ label: "Overview", icon: HomeIcon, path: "" }] },
  {
    label: "Account Management",
    below: "SEI Settings",
    entries: [
      { label: "API Keys", icon: KeyIcon, path: "settings/api-keys", permission: "api_keys:read" },
      { label: "Activity log", icon: ListIcon, path: "settings/activity", permission: "audit:read" },
      {
        label: "Users and access",
        icon: UsersIcon,
        path: "settings/users",
        permission: "users:read",
        account: true,
      },
    ],
  },
  { label: "Help", entries: [{ label: "API documentation", icon: BookIcon, path: "/docs", whole: true }] },
];
