#!/bin/bash
# Runs in the new Debian system, in a chroot, when its packages and the files of `guest/` are there.
set -euo pipefail

useradd --create-home --shell /bin/bash twister
for account in root twister; do
  home=$(getent passwd "$account" | cut -d: -f6)
  install -d -m 700 -o "$account" -g "$account" "$home/.ssh"
done
echo "$TWISTER_PUBLIC_KEY" > /home/twister/.ssh/authorized_keys
chown twister:twister /home/twister/.ssh/authorized_keys
echo "$ROOT_PUBLIC_KEY" > ~root/.ssh/authorized_keys
chmod 600 ~root/.ssh/authorized_keys /home/twister/.ssh/authorized_keys
chmod 440 /etc/sudoers.d/twister
chmod 755 /usr/local/lib/box/install.sh
mv /usr/local/lib/k3s/k3s /usr/local/bin/
# As K3s' installer does where no others of that name are.
ln -s k3s /usr/local/bin/kubectl
ln -s k3s /usr/local/bin/crictl

echo edgeserver > /etc/hostname
printf '127.0.1.1\tedgeserver.twisterlab.local edgeserver\n' >> /etc/hosts
echo 'nameserver 10.0.2.3' > /etc/resolv.conf
mkdir -p /twisterlab/ai-storage /twisterlab/data-warehouse /etc/rancher/k3s

# As on Ubuntu, where the log files belong to a user of their own.
groupadd --system syslog
useradd --system --gid syslog --groups adm --home-dir /nonexistent --shell /usr/sbin/nologin syslog
touch /var/log/{syslog,auth.log,kern.log,mail.log}
chown syslog:adm /var/log/{syslog,auth.log,kern.log,mail.log} /var/spool/rsyslog
chmod 640 /var/log/{syslog,auth.log,kern.log,mail.log}
chown root:syslog /var/log
chmod 775 /var/log
install -d -m 2755 -g systemd-journal /var/log/journal

systemctl --quiet enable systemd-networkd k3s
# What a machine that lives for minutes does not need, and what would start in the middle of a test; tmp.mount, because
# Ubuntu's /tmp is on the root file system.
systemctl --quiet mask apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer \
  e2scrub_reap.service xfs_scrub_all.timer fstrim.timer getty@tty1.service serial-getty@ttyS0.service tmp.mount \
  systemd-networkd-wait-online.service systemd-pstore.service modprobe@drm.service modprobe@efi_pstore.service
