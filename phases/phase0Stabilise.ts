import * as pulumi from "@pulumi/pulumi";
import { EntryPoint } from "../components/host/entryPoint.ts";
import type { Settings } from "../components/settings/index.ts";
import { withHost, type PhaseOutputs } from "./preparation.ts";

/**
 * Phase 0, stabilise: what filled the disk is limited, somebody is told before it is full again, and the way in is
 * narrowed.
 *
 * Host items run one after the other, as in phase 1.
 */
export function buildPhase0(settings: Settings): Promise<PhaseOutputs> {
  return withHost(settings, (host) => {
    const { site } = settings;
    new EntryPoint("entry-point", { stack: pulumi.getStack() }, host);
    return { site: site.name };
  });
}
