import { Badge } from "@mantine/core";
import type { RoleBinding, User } from "../../api/users";
import { isPersonRole, personRoleWords } from "../../api/words";

export const roleLabel = (role: string): string => (isPersonRole(role) ? personRoleWords[role] : role);

/** Where a role holds, in words. */
export function placeLabel({ orgIdentifier, projectIdentifier }: RoleBinding): string {
  if (projectIdentifier) return `${orgIdentifier ?? "default"} / ${projectIdentifier}`;
  return orgIdentifier ? `organisation ${orgIdentifier}` : "the whole account";
}

/** The widest first; the API has them in no order. */
export const inOrder = (roles: readonly RoleBinding[]): RoleBinding[] => {
  const key = ({ orgIdentifier, projectIdentifier, role }: RoleBinding) =>
    [projectIdentifier ? 2 : orgIdentifier ? 1 : 0, orgIdentifier, projectIdentifier, role].join(" ");
  return [...roles].sort((one, other) => key(one).localeCompare(key(other)));
};

export const sameBinding = (one: RoleBinding, other: RoleBinding): boolean =>
  one.role === other.role && placeLabel(one) === placeLabel(other);

export function RoleTag({ binding }: { binding: RoleBinding }) {
  const color =
    binding.role === "ACCOUNT_ADMIN" ? "orange" : binding.role === "SEI_ADMIN" ? "indigo" : "gray";
  return (
    <Badge variant="light" color={color} tt="none" radius="sm">
      {roleLabel(binding.role)}
    </Badge>
  );
}

export function UserState({ user }: { user: User }) {
  const [label, color] = !user.active
    ? ["Deactivated", "gray"]
    : user.hasPassword
      ? ["Active", "green"]
      : ["Not set up yet", "yellow"];
  return (
    <Badge variant="light" color={color} tt="none" radius="sm">
      {label}
    </Badge>
  );
}
