import { renderRotation, type Rotation } from "../../components/host/render/logrotate.ts";

/** What the plan wants of the logs that filled the disk. */
export const rotation: Rotation = {
  files: ["/var/log/kern.log", "/var/log/syslog"],
  rotate: 3,
  maxSize: 500 * 2 ** 20,
};

/** The file of Ubuntu 24.04's rsyslog, with other folders for its logs. */
export const ubuntu = (logs = "/var/log") => `${logs}/syslog
${logs}/mail.log
${logs}/kern.log
${logs}/auth.log
${logs}/user.log
${logs}/cron.log
{
\trotate 4
\tweekly
\tmissingok
\tnotifempty
\tcompress
\tdelaycompress
\tsharedscripts
\tpostrotate
\t\t/usr/lib/rsyslog/rsyslog-rotate
\tendscript
}
`;

/** What it is with ours in it. */
export const managed = (logs = "/var/log") =>
  renderRotation({ ...rotation, files: rotation.files.map((file) => file.replace("/var/log", logs)) }) +
  ubuntu(logs).replace(/^.*\/(syslog|kern\.log)$/gm, "#twisterlab-edge out# $&");
