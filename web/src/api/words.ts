import { type KeyRole, keyRoles, type Permission, type PersonRole, permissions, personRoles } from "./roles";

/** What a permission lets one do, in plain words. A permission without words does not compile. */
export const permissionWords: Record<Permission, string> = {
  "developer_records:read": "Read developer records and their columns",
  "developer_records:write": "Add and change developers",
  "identities:write": "Say which accounts are the same person",
  "developer_records:delete": "Delete developers",
  "data_settings:read": "See integrations and data settings",
  "data_settings:write": "Change integrations and data settings, upload the first CSV",
  "ingestion:write": "Send engineering data",
  "ingestion:read": "See what became of sent data",
  "teams:read": "See teams",
  "teams:write": "Change teams",
  "profiles:read": "See profiles",
  "profiles:write": "Change profiles",
  "kpis:read": "See goals",
  "kpis:write": "Change goals",
  "insights:read": "Read dashboards and exports",
  "api_keys:read": "See API keys",
  "api_keys:write": "Make, change and delete API keys",
  "audit:read": "Read the activity log",
  "users:read": "See people, organisations and projects",
  "users:write": "Change people, roles, organisations and projects",
};

export const keyRoleWords: Record<KeyRole, { name: string; summary: string; not: string }> = {
  INGESTION: {
    name: "Ingestion",
    summary:
      "Sends engineering data and keeps developer records up to date. Right for CI, scripts and integrations.",
    not: "It may not delete developers, change settings, read dashboards, or touch keys.",
  },
  ADMIN: {
    name: "Admin",
    summary: "Configures the project as you do: settings, teams, goals, dashboards, and Ingestion keys.",
    not: "It may not manage people, nor make Admin keys.",
  },
};

export const personRoleWords: Record<PersonRole, string> = {
  ACCOUNT_ADMIN: "Account Admin",
  SEI_ADMIN: "SEI Admin",
  TEAM_MANAGER: "Team Manager",
  VIEWER: "Viewer",
};

export const personRoleSummaries: Record<PersonRole, string> = {
  ACCOUNT_ADMIN: "Everything, people and organisations included",
  SEI_ADMIN: "Everything in its projects, API keys included; not people",
  TEAM_MANAGER: "Changes teams, sees settings and insights",
  VIEWER: "Looks at data and insights, changes nothing",
};

export const isPermission = (name: string): name is Permission =>
  (permissions as readonly string[]).includes(name);

export const isKeyRole = (name: string): name is KeyRole => name in keyRoles;

export const roleName = (role: string): string => (isKeyRole(role) ? keyRoleWords[role].name : role);

export const isPersonRole = (name: string): name is PersonRole => name in personRoles;
