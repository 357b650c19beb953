import * as z from "zod";

import { object } from "./schema/build.ts";
import { project, pulumiKeys, sections } from "./schema/index.ts";

/**
 * The JSON schema (draft 7) of a whole site file, for completion and checking in editors.
 *
 * It knows every key and notation and none of the rules between keys. What Pulumi itself writes into the file is
 * allowed as well.
 */
export function siteJsonSchema(): Record<string, unknown> {
  const config = object("Settings of the site.", {
    ...pulumiKeys,
    ...Object.fromEntries(Object.entries(sections).map(([name, schema]) => [`${project}:${name}`, schema])),
  });
  const file = object("Site file of twisterlab-edge.", {
    config,
    encryptionsalt: z.string().optional().meta({ description: "Written by Pulumi: salt of the passphrase." }),
    encryptedkey: z.string().optional().meta({ description: "Written by Pulumi: key of a cloud secrets provider." }),
    secretsprovider: z.string().optional().meta({ description: "Written by Pulumi: where secrets are encrypted." }),
    environment: z.unknown().optional().meta({ description: "Pulumi environments that the stacks import." }),
  });
  return z.toJSONSchema(file, {
    io: "input",
    target: "draft-7",
    reused: "inline",
    override: ({ zodSchema, jsonSchema }) => {
      // zod leaves examples out where a value becomes another one; ours are of what is written.
      const { examples } = z.globalRegistry.get(zodSchema) ?? {};
      if (Array.isArray(examples)) jsonSchema.examples = examples;
      // The catch-all of `object` refuses whatever it gets.
      if (zodSchema instanceof z.ZodObject) jsonSchema.additionalProperties = false;
    },
  });
}
