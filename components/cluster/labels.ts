/** Label of everything that this program makes on the cluster. */
export const MANAGED_BY = { "app.kubernetes.io/managed-by": "twisterlab-edge" };

/** Labels of a job's pods. */
export function jobLabels(app: string): Record<string, string> {
  return { ...MANAGED_BY, "app.kubernetes.io/name": app };
}
