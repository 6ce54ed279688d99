import { Button, Group, NativeSelect, Text } from "@mantine/core";

interface Props {
  /** From 0. */
  index: number;
  size: number;
  total: number;
  sizes?: readonly number[];
  onChange: (index: number, size: number) => void;
}

const count = new Intl.NumberFormat();

/** Which part of a long list is shown, and the way to the others. */
export function Pager({ index, size, total, sizes = [25, 50, 100, 200], onChange }: Props) {
  const last = Math.max(0, Math.ceil(total / size) - 1);
  const from = total === 0 ? 0 : index * size + 1;
  const to = Math.min(total, (index + 1) * size);
  return (
    <Group component="nav" aria-label="Pages" justify="space-between" gap="sm">
      <Text size="sm" c="dimmed">
        {count.format(from)}–{count.format(to)} of {count.format(total)}
      </Text>
      <Group gap="xs">
        <NativeSelect
          aria-label="Rows on a page"
          size="xs"
          value={String(size)}
          data={sizes.map((one) => ({ value: String(one), label: `${one} rows` }))}
          onChange={(event) => onChange(0, Number(event.currentTarget.value))}
        />
        {last > 1 && (
          <Button size="xs" variant="default" disabled={index === 0} onClick={() => onChange(0, size)}>
            First
          </Button>
        )}
        <Button size="xs" variant="default" disabled={index === 0} onClick={() => onChange(index - 1, size)}>
          Previous
        </Button>
        <Button
          size="xs"
          variant="default"
          disabled={index >= last}
          onClick={() => onChange(index + 1, size)}
        >
          Next
        </Button>
        {last > 1 && (
          <Button size="xs" variant="default" disabled={index >= last} onClick={() => onChange(last, size)}>
            Last
          </Button>
        )}
      </Group>
    </Group>
  );
}
