import { Skeleton } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { keysQuery } from "../api/keys";
import { type Here, useHere } from "../frame/place";
import { CodeBlock } from "../ui/Copy";
import { KeyIcon } from "../ui/icons";
import { ButtonLink, TextLink } from "../ui/links";
import { Page, Section } from "../ui/Page";
import { Rights } from "../ui/Rights";
import { Empty, Failure } from "../ui/states";
import { curlFor } from "./keys/curl";
import { type KeySearch, queryOf } from "./keys/search";
import classes from "./Overview.module.css";

const KEYS = "/orgs/$org/projects/$project/settings/api-keys";

/** Where one arrives: what is to be done here, and what one may do. */
export function Overview() {
  const here = useHere();
  return (
    <Page
      title={here.project.name}
      tab="Overview"
      description={`Project ${here.place.projectIdentifier} of the organisation ${here.place.orgIdentifier}`}
    >
      {here.may("api_keys:read") && <Keys here={here} />}
      <Mine here={here} />
    </Page>
  );
}

function Keys({ here }: { here: Here }) {
  const { data, error, refetch } = useQuery(keysQuery(here.place, { pageSize: 1 }));
  if (error) return <Failure error={error} retry={() => refetch()} />;
  if (data?.totalCount === 0) return <FirstKey here={here} />;
  return (
    <Section
      title="API keys"
      actions={
        <TextLink to={KEYS} params={here.params} size="sm">
          All keys
        </TextLink>
      }
    >
      <ul className={classes.figures}>
        <Figure here={here} label="Active" query={{ status: "ACTIVE" }} />
        <Figure
          here={here}
          label="Running out within 14 days"
          query={{ status: "ACTIVE", expiringWithinDays: 14 }}
        />
        <Figure here={here} label="Not used for 90 days" query={{ unusedForDays: 90 }} />
        <Figure here={here} label="Disabled" query={{ status: "DISABLED" }} />
      </ul>
    </Section>
  );
}

function Figure({ here, label, query }: { here: Here; label: string; query: KeySearch }) {
  const { data } = useQuery(keysQuery(here.place, { ...queryOf(query), pageSize: 1 }));
  return (
    <li>
      <Link to={KEYS} params={here.params} search={query} className={classes.figure}>
        <span className={classes.number}>
          {data ? data.totalCount.toLocaleString() : <Skeleton width="2rem" height="1.6rem" />}
        </span>
        <span>{label}</span>
      </Link>
    </li>
  );
}

function FirstKey({ here }: { here: Here }) {
  const create = here.may("api_keys:write") && (
    <ButtonLink
      to={KEYS}
      params={here.params}
      search={{ create: true }}
      leftSection={<KeyIcon size={18} />}
      size="md"
    >
      Create your first API key
    </ButtonLink>
  );
  return (
    <>
      <Empty icon={<KeyIcon size={40} />} title="Nothing sends data to this project yet" action={create}>
        Programs reach Sextant with an API key. Make one, put it where your CI or script keeps its secrets,
        and try it with one line.
      </Empty>
      <Section
        title="What that line looks like"
        description="With this server's address; the key is shown once, when it is made."
      >
        <CodeBlock>{curlFor("sxt_…")}</CodeBlock>
      </Section>
    </>
  );
}

function Mine({ here }: { here: Here }) {
  const { permissions } = here.project;
  return (
    <Section
      title="What you may do in this project"
      description="Given by your roles. Someone who manages users can change them."
    >
      <Rights held={permissions} heldOnly />
    </Section>
  );
}
