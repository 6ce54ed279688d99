import {
  Button,
  Checkbox,
  Group,
  NativeSelect,
  Radio,
  Stack,
  Text,
  Textarea,
  TextInput,
} from "@mantine/core";
import { useCallback, useState } from "react";
import { ApiError } from "../../api/client";
import { type CreateKey, createKey, type MintedKey, refreshKeys } from "../../api/keys";
import { type KeyRole, keyRoles, type Permission } from "../../api/roles";
import { keyRoleWords, permissionWords } from "../../api/words";
import { type Here, useHere } from "../../frame/place";
import { useAction } from "../../ui/action";
import { Dialog } from "../../ui/Dialog";
import { Rights } from "../../ui/Rights";
import { Failure, sentence } from "../../ui/states";
import classes from "./KeysPage.module.css";
import { networksOf, rateOf } from "./limits";
import { Secret } from "./Secret";

const ROLES: readonly KeyRole[] = ["INGESTION", "ADMIN"];
const OWN_DATE = "date";
const TERMS = [
  { value: "", label: "Never" },
  { value: "7", label: "In 7 days" },
  { value: "30", label: "In 30 days" },
  { value: "90", label: "In 90 days" },
  { value: "365", label: "In a year" },
  { value: OWN_DATE, label: "At a date…" },
];

/** What the role holds and the person holds too: nobody hands on more than they have. */
function grantable(here: Here, role: KeyRole): Permission[] {
  return keyRoles[role].filter((permission) => here.may(permission));
}

export function CreateDialog({ first, onClose }: { first: boolean; onClose: () => void }) {
  const here = useHere();
  const [minted, setMinted] = useState<MintedKey>();
  const close = useCallback(() => {
    setMinted(undefined);
    onClose();
  }, [onClose]);
  if (minted)
    return <Secret minted={minted} title={`The key ${minted.apiKey.name} is made`} onClose={close} />;
  return (
    <Dialog onClose={onClose} title="Create API key" size="lg">
      <Form
        here={here}
        first={first}
        onClose={onClose}
        onMinted={(answer) => {
          setMinted(answer);
          refreshKeys(here.place);
        }}
      />
    </Dialog>
  );
}

interface FormProps {
  here: Here;
  first: boolean;
  onClose: () => void;
  onMinted: (minted: MintedKey) => void;
}

function Form({ here, first, onClose, onMinted }: FormProps) {
  const [name, setName] = useState(first ? "my-first-key" : "");
  const [description, setDescription] = useState("");
  const [role, setRole] = useState<KeyRole>("INGESTION");
  const [scopes, setScopes] = useState<ReadonlySet<Permission>>(() => new Set(grantable(here, "INGESTION")));
  const [term, setTerm] = useState("");
  const [date, setDate] = useState("");
  const [networks, setNetworks] = useState("");
  const [rate, setRate] = useState("");
  const { run, busy, error } = useAction();
  const taken = error instanceof ApiError && error.code === "NAME_TAKEN";

  const choose = (next: KeyRole) => {
    setRole(next);
    setScopes(new Set(grantable(here, next)));
  };
  const submit = async () => {
    const whole = scopes.size === keyRoles[role].length;
    const expiresAt = expiryOf(term, date);
    const allowedCidrs = networksOf(networks);
    const rateLimitPerMinute = rateOf(rate);
    const body: CreateKey = {
      name,
      role,
      ...(description.trim() && { description }),
      ...(!whole && { scopes: [...scopes] }),
      ...(expiresAt && { expiresAt }),
      ...(allowedCidrs && { allowedCidrs }),
      ...(rateLimitPerMinute !== undefined && { rateLimitPerMinute }),
    };
    onMinted(await createKey(here.place, body));
  };
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        run(submit);
      }}
    >
      <Stack>
        <TextInput
          label="Name"
          description="What will use it, such as github-actions. One key for each integration."
          required
          maxLength={128}
          autoComplete="off"
          data-autofocus
          value={name}
          onFocus={(event) => first && event.currentTarget.select()}
          onChange={(event) => setName(event.currentTarget.value)}
          error={taken ? sentence(error.message) : undefined}
        />
        <TextInput
          label="Description"
          description="Optional"
          autoComplete="off"
          value={description}
          onChange={(event) => setDescription(event.currentTarget.value)}
        />
        <Radio.Group label="Role" value={role} onChange={(value) => choose(value as KeyRole)}>
          <Stack gap="xs" mt={6}>
            {ROLES.map((one) => (
              <Radio
                key={one}
                value={one}
                classNames={{ root: classes.role ?? "" }}
                label={
                  one === "INGESTION"
                    ? "Ingestion: take this unless you know why not"
                    : keyRoleWords[one].name
                }
                description={
                  <>
                    {keyRoleWords[one].summary} {keyRoleWords[one].not}
                  </>
                }
              />
            ))}
          </Stack>
        </Radio.Group>
        <details>
          <summary>
            <Text span size="sm" fw={600}>
              What exactly {keyRoleWords[role].name} may and may not do
            </Text>
          </summary>
          <Rights held={keyRoles[role]} />
        </details>
        <details>
          <summary>
            <Text span size="sm" fw={600}>
              Advanced: expiry, permissions, networks, rate
            </Text>
          </summary>
          <div className={classes.advanced}>
            <Group align="flex-end" grow preventGrowOverflow={false}>
              <NativeSelect
                label="Expires"
                data={TERMS}
                value={term}
                onChange={(event) => setTerm(event.currentTarget.value)}
              />
              {term === OWN_DATE && (
                <TextInput
                  label="At (your local time)"
                  type="datetime-local"
                  required
                  value={date}
                  onChange={(event) => setDate(event.currentTarget.value)}
                />
              )}
            </Group>
            <ScopeChoice here={here} role={role} scopes={scopes} onChange={setScopes} />
            <NetworksInput value={networks} onChange={setNetworks} />
            <RateInput value={rate} onChange={setRate} />
          </div>
        </details>
        {error !== undefined && !taken && <Failure error={error} />}
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" loading={busy} disabled={scopes.size === 0}>
            Create
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

function expiryOf(term: string, date: string): string | undefined {
  if (term === "") return undefined;
  if (term === OWN_DATE) return new Date(date).toISOString();
  return new Date(Date.now() + Number(term) * 86_400_000).toISOString();
}

interface ScopeProps {
  here: Here;
  role: KeyRole;
  scopes: ReadonlySet<Permission>;
  onChange: (scopes: Set<Permission>) => void;
}

function ScopeChoice({ here, role, scopes, onChange }: ScopeProps) {
  const offered = grantable(here, role);
  const missing = keyRoles[role].length - offered.length;
  return (
    <Checkbox.Group
      label="Permissions"
      description={
        missing > 0
          ? `All of the role that you hold yourself; ${missing} more would take someone who holds them.`
          : "All of the role, unless you take some away. They cannot be added later."
      }
      value={[...scopes]}
      onChange={(values) => onChange(new Set(values as Permission[]))}
      error={scopes.size === 0 ? "A key needs at least one permission." : undefined}
    >
      <Stack gap={6} mt={6}>
        {offered.map((permission) => (
          <Checkbox key={permission} value={permission} size="sm" label={permissionWords[permission]} />
        ))}
      </Stack>
    </Checkbox.Group>
  );
}

export function NetworksInput({ value, onChange }: { value: string; onChange: (value: string) => void }) {
  return (
    <Textarea
      label="Networks"
      description="From where it may be used, one a line, such as 10.0.0.0/8. Empty: from anywhere."
      rows={2}
      value={value}
      onChange={(event) => onChange(event.currentTarget.value)}
    />
  );
}

export function RateInput({ value, onChange }: { value: string; onChange: (value: string) => void }) {
  return (
    <TextInput
      label="Requests a minute"
      description="Above that it is told to wait. Empty: no limit."
      type="number"
      inputMode="numeric"
      min={1}
      max={6_000_000}
      value={value}
      onChange={(event) => onChange(event.currentTarget.value)}
    />
  );
}
