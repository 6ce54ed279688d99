import { Alert, Button, Group, Stack, Text } from "@mantine/core";
import { CodeBlock, CopyButton } from "../../ui/Copy";
import { AlertIcon } from "../../ui/icons";
import { OneTimeDialog } from "../../ui/OneTimeDialog";

/** A one-time link, this one time. It is in the state of the dialog that made it and nowhere else. */
export function LinkDialog({ link, email, onClose }: { link: string; email: string; onClose: () => void }) {
  // A server that does not know its public address answers a path.
  const address = new URL(link, location.origin).href;
  return (
    <OneTimeDialog title={`A link for ${email}`} onClose={onClose}>
      <Stack>
        <Alert color="yellow" icon={<AlertIcon />} title="This is the only time that the link is shown">
          Whoever opens it chooses the password of {email}. Send it to nobody else. It works once, for 24
          hours; after that, make another one.
        </Alert>
        <CodeBlock>{address}</CodeBlock>
        <Group gap="sm">
          <CopyButton text={address} label="Copy link" primary />
        </Group>
        <Text size="sm" c="dimmed">
          Sextant sends no mail. Send the link by a way that you trust.
        </Text>
        <Group justify="flex-end">
          <Button onClick={onClose}>I have copied it</Button>
        </Group>
      </Stack>
    </OneTimeDialog>
  );
}
