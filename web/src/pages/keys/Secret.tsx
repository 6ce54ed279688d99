import { Alert, Button, Group, Stack, Text } from "@mantine/core";
import type { MintedKey } from "../../api/keys";
import { CodeBlock, CopyButton } from "../../ui/Copy";
import { AlertIcon, DownloadIcon } from "../../ui/icons";
import { OneTimeDialog } from "../../ui/OneTimeDialog";
import { curlFor } from "./curl";

/**
 * A key's secret, this one time. It is in the state of the dialog that made it and nowhere else: not in the cache of answers,
 * not in the address or the history, not in any storage. With the dialog it goes.
 */
export function Secret({
  minted,
  title,
  onClose,
}: {
  minted: MintedKey;
  title: string;
  onClose: () => void;
}) {
  const { apiKey, key } = minted;
  if (!key) return null;
  return (
    <OneTimeDialog onClose={onClose} title={title}>
      <Stack>
        <Alert color="yellow" icon={<AlertIcon />} title="This is the only time that the key is shown">
          Put it where your program keeps its secrets, now. Sextant stores only a fingerprint of it: when this
          closes, nobody can show it again. A lost key can be rotated.
        </Alert>
        <CodeBlock>{key}</CodeBlock>
        <Group gap="sm">
          <CopyButton text={key} label="Copy key" primary />
          <Button variant="default" leftSection={<DownloadIcon size={16} />} onClick={() => download(key)}>
            Download as .env
          </Button>
        </Group>
        {apiKey.scopes.includes("developer_records:read") && (
          <Stack gap="xs">
            <Text fw={600} size="sm">
              Try it: paste this into a terminal
            </Text>
            <CodeBlock>{curlFor(key)}</CodeBlock>
            <Group>
              <CopyButton text={curlFor(key)} label="Copy command" />
            </Group>
          </Stack>
        )}
        <Group justify="flex-end">
          <Button onClick={onClose}>I have stored it</Button>
        </Group>
      </Stack>
    </OneTimeDialog>
  );
}

function download(key: string): void {
  const text = `SEXTANT_URL=${location.origin}\nSEXTANT_API_KEY=${key}\n`;
  const address = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
  const link = document.createElement("a");
  link.href = address;
  link.download = "sextant.env";
  link.click();
  URL.revokeObjectURL(address);
}
