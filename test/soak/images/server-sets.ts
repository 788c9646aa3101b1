import { type ImageSet, imageSet } from "./image-set.ts";

/** Services, with the configuration that their packages bring. */
export const SERVER_SETS: readonly ImageSet[] = [
  imageSet(
    "apache2",
    `apache2ctl start 2>/dev/null; until_works get 80; get 80 | grep -c "It works"
     ls /etc/apache2/mods-enabled | wc -l`,
    /^[1-9]\d*\n[1-9]\d+\n$/,
  ),
  imageSet(
    "openssh-server sudo",
    `first_start; mkdir -p /run/sshd; /usr/sbin/sshd -t; echo $?; /usr/sbin/sshd; until_works get 22
     su nobody -s /bin/sh -c "id -u"; sudo -n id -u; ls /etc/ssh/ssh_host_* | wc -l`,
    /^0\n65534\n0\n6\n$/,
  ),
  imageSet(
    "redis-server",
    `setpriv --reuid redis --regid redis --init-groups redis-server /etc/redis/redis.conf --daemonize yes
     until_works redis-cli ping; redis-cli ping`,
    /^PONG\n$/,
  ),
  imageSet(
    "postfix",
    `postfix check; echo $?; postalias -q postmaster /etc/aliases
     postfix start 2>/dev/null; printf "Subject: x\\n\\nhi\\n" | sendmail root; until_works test -s /var/mail/root; ls /var/mail`,
    /^0\nroot\nroot\n$/,
  ),
  imageSet(
    "postgresql",
    `first_start; version=$(ls /usr/lib/postgresql); pg_ctlcluster $version main start
     until_works su postgres -c "psql -tc 'select 1'"; su postgres -c "psql -tAc 'select 40+2'"; stat -c %U:%a /var/lib/postgresql`,
    /^42\npostgres:755\n$/,
  ),
  imageSet(
    "mariadb-server",
    `first_start; mkdir -p /run/mysqld; chown mysql /run/mysqld; mariadbd-safe >/dev/null 2>&1 &
     until_works mariadb -Ne "select 1"; mariadb -Ne "select 40+2"; mariadb-admin shutdown; wait`,
    /^42\n$/,
  ),
  imageSet(
    "rabbitmq-server",
    `erl -noshell -eval 'io:format("~p~n",[1+1]),halt().'; stat -c %U:%a /var/lib/rabbitmq; ls /var/lib/rabbitmq
     setpriv --reuid rabbitmq --regid rabbitmq --init-groups env HOME=/var/lib/rabbitmq rabbitmq-server -detached >/dev/null 2>&1
     until_works rabbitmqctl await_startup --timeout 5; rabbitmqctl list_users -q --no-table-headers | cut -f1`,
    /^2\nrabbitmq:755\nmnesia\nguest\n$/,
  ),
  imageSet(
    "samba",
    `testparm -s 2>&1 | grep -c "Loaded services"; smbd -D; cd /var/lib/samba/private
     for name in passdb secrets; do until_works test -e $name.tdb; ls $name.tdb; done`,
    /^1\npassdb.tdb\nsecrets.tdb\n$/,
  ),
  imageSet(
    "nginx-light",
    `nginx -t 2>&1 | tail -1; nginx; until_works get 80; get 80 | head -1`,
    /successful\nHTTP\/1.1 200/,
  ),
  imageSet(
    "haproxy memcached",
    `haproxy -c -f /etc/haproxy/haproxy.cfg 2>&1 | tail -1; id haproxy; id memcache`,
    /valid\n.*haproxy.*\n.*memcache/,
  ),
  imageSet(
    "systemd",
    `systemctl --root=/ list-unit-files --no-legend | sort | md5sum; getent passwd systemd-network`,
    /\nsystemd-network:x:/,
  ),
  imageSet(
    "cron dbus",
    `cron; until_works test -s /run/crond.pid; ls -A /var/lib/dbus | grep -v machine-id; rm -f /var/lib/dbus/machine-id
     dbus-uuidgen --ensure; echo $?; mkdir -p /run/dbus; dbus-daemon --system --fork; echo $?`,
    /^0\n0\n$/,
  ),
  imageSet(
    "exim4-daemon-light",
    "exim4 -bV | head -1 | cut -d' ' -f1,2; exim4 -bt root@localhost | head -1",
    /^Exim version\n/,
  ),
  imageSet(
    "lighttpd",
    `lighttpd -tt -f /etc/lighttpd/lighttpd.conf 2>&1; echo $?; lighttpd -f /etc/lighttpd/lighttpd.conf; until_works get 80
     get 80 | head -1; ls /etc/lighttpd/conf-enabled`,
    /^0\nHTTP\/1.0 200/,
  ),
  imageSet(
    "bind9 bind9-dnsutils",
    "named-checkconf; echo $?; named -u bind; until_works dig +short @127.0.0.1 localhost; dig +short @127.0.0.1 localhost",
    /^0\n127.0.0.1\n$/,
  ),
  imageSet(
    "dovecot-imapd",
    `doveconf -n 2>&1 | grep -v "^#" | md5sum; ls /usr/share/dovecot/protocols.d; stat -c %U:%a /var/lib/dovecot`,
    /imapd.protocol/,
  ),
  imageSet(
    "squid",
    "squid -k parse >/dev/null 2>&1; echo $?; stat -c %U:%a /var/spool/squid; id proxy",
    /^0\nproxy:/,
  ),
  imageSet(
    "tomcat10",
    "ls /var/lib/tomcat10; stat -c %U:%G:%a /var/lib/tomcat10/webapps /etc/tomcat10; id tomcat",
    /webapps/,
  ),
  imageSet(
    "mosquitto mosquitto-clients",
    `mkdir -p /run/mosquitto; chown mosquitto /run/mosquitto; mosquitto -c /etc/mosquitto/mosquitto.conf -d; until_works mosquitto_pub -t a -m b
     mosquitto_pub -t a -m b; echo $?`,
    /^0\n$/,
  ),
  imageSet(
    "slapd ldap-utils",
    `first_start; stat -c %U:%a /var/lib/ldap /etc/ldap/slapd.d; mkdir -p /run/slapd; chown openldap /run/slapd; slapd -h ldap:/// -u openldap -g openldap
     until_works ldapsearch -x -H ldap://127.0.0.1 -b "" -s base; ldapsearch -x -H ldap://127.0.0.1 -b "" -s base namingContexts | grep ^naming`,
    /openldap:755\n.*\nnamingContexts: /,
  ),
  imageSet(
    "dropbear munge nsd open-iscsi",
    `first_start; ls /etc/dropbear/*_host_key | wc -l; stat -c %U:%a /etc/munge/munge.key /etc/iscsi/initiatorname.iscsi; ls /etc/nsd
     mkdir -p /run/munge; chown munge /run/munge; setpriv --reuid munge --regid munge --init-groups munged
     until_works sh -c "munge -n | unmunge"; munge -n | unmunge | grep -c Success; dropbear -p 2222; until_works get 2222
     nsd-checkconf /etc/nsd/nsd.conf; echo $?; grep -c ^InitiatorName=iqn /etc/iscsi/initiatorname.iscsi`,
    /^3\nmunge:[46]00\nroot:600\n.*nsd_server.key\n.*1\n0\n1\n$/s,
  ),
  imageSet(
    "freeradius popularity-contest varnish",
    `first_start; stat -c %U:%a /etc/freeradius/3.0/certs/dh; freeradius -XC 2>&1 | tail -1; test -s /etc/popularity-contest.conf; echo $?
     grep -c popularity /etc/cron.d/popularity-contest
     stat -c %U:%a /etc/varnish/secret`,
    /OK\n0\n1\nroot:600\n$/,
  ),
];
