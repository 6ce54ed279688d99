import { permissions } from "../api/roles";
import { permissionWords } from "../api/words";
import { CheckIcon, CloseIcon } from "./icons";
import classes from "./Rights.module.css";

/** What the permissions held allow, in words, and, unless `heldOnly`, what they do not. */
export function Rights({ held, heldOnly = false }: { held: readonly string[]; heldOnly?: boolean }) {
  const may = permissions.filter((permission) => held.includes(permission));
  const mayNot = heldOnly ? [] : permissions.filter((permission) => !held.includes(permission));
  return (
    <ul className={classes.rights}>
      {may.map((permission) => (
        <li key={permission}>
          <CheckIcon size={15} className={classes.may} aria-hidden={false} role="img" aria-label="May:" />
          {permissionWords[permission]}
        </li>
      ))}
      {mayNot.map((permission) => (
        <li key={permission} className={classes.not}>
          <CloseIcon size={15} aria-hidden={false} role="img" aria-label="May not:" />
          {permissionWords[permission]}
        </li>
      ))}
    </ul>
  );
}
