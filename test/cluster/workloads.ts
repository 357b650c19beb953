/** Objects like those that run on EdgeServer before this program comes: two databases, as the site file describes them. */
export const PASSWORDS = { postgres: "s3cret-of-postgres", redis: "s3cret-of-redis" };

const pod = (name: string, component: string, image: string, rest: string): string => `
apiVersion: apps/v1
kind: Deployment
metadata: { name: ${name}, namespace: twisterlab, labels: { app: twisterlab, component: ${component} } }
spec:
  selector: { matchLabels: { app: twisterlab, component: ${component} } }
  strategy: { type: Recreate }
  template:
    metadata: { labels: { app: twisterlab, component: ${component} } }
    spec:
      enableServiceLinks: false
      terminationGracePeriodSeconds: 5
      securityContext: { fsGroup: 70 }
      volumes: [{ name: data, emptyDir: {} }]
      containers:
        - name: ${name}
          image: ${image}
          imagePullPolicy: Never
${rest}
`;

export const WORKLOADS = [
  "apiVersion: v1\nkind: Namespace\nmetadata: { name: twisterlab, labels: { theirs: 'yes' } }",
  `apiVersion: v1
kind: Secret
metadata: { name: twisterlab-secrets, namespace: twisterlab }
stringData: { POSTGRES_PASSWORD: ${PASSWORDS.postgres}, REDIS_PASSWORD: ${PASSWORDS.redis} }`,
  `apiVersion: v1
kind: ConfigMap
metadata: { name: twisterlab-config, namespace: twisterlab }
data: { POSTGRES_USER: twister, POSTGRES_DB: twisterlab }`,
  pod(
    "postgres",
    "database",
    "postgres:16-alpine",
    `          envFrom: [{ configMapRef: { name: twisterlab-config } }]
          env:
            - { name: POSTGRES_PASSWORD, valueFrom: { secretKeyRef: { name: twisterlab-secrets, key: POSTGRES_PASSWORD } } }
            - { name: PGDATA, value: /var/lib/postgresql/data/pgdata }
          securityContext: { runAsUser: 70, runAsGroup: 70 }
          volumeMounts: [{ name: data, mountPath: /var/lib/postgresql/data }]
          readinessProbe: { exec: { command: [pg_isready, -h, 127.0.0.1, -U, twister] }, periodSeconds: 2 }`,
  ),
  pod(
    "redis",
    "cache",
    "redis:7-alpine",
    `          args: [--requirepass, ${PASSWORDS.redis}]
          readinessProbe: { exec: { command: [redis-cli, -a, ${PASSWORDS.redis}, ping] }, periodSeconds: 2 }`,
  ),
].join("\n---\n");
