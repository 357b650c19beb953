/**
 * The phases that have a stack, with the title that the plan gives them. Apart from the phases themselves, so that the
 * command line can name them without loading Pulumi.
 */
export const declaredPhases: Readonly<Record<number, { title: string }>> = {
  0: { title: "stabilise" },
  1: { title: "foundation" },
  3: { title: "high availability" },
  4: { title: "security" },
};
