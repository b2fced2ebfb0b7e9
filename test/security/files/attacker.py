# What a user's job does to its own workspace while the server works there: python3 attacker.py <uid> <gid> <seed> <task> <arguments>
# Says "on" when it has begun (special: when it is done), and goes on until it is killed.
#
#   exchange <name> <other> ...   swaps each pair of names with each other, in one step of the kernel
#   special <directory>           makes what only a program can: pipes, sockets, odd names, loops, a deep and a wide tree
import ctypes, os, random, socket, sys, time

uid, gid, seed = (int(text) for text in sys.argv[1:4])
task, arguments = sys.argv[4], sys.argv[5:]
if os.geteuid() == 0:
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)

libc = ctypes.CDLL(None, use_errno=True)
AT_FDCWD, RENAME_EXCHANGE = -100, 2


def exchange():
    pairs = [(arguments[i].encode(), arguments[i + 1].encode()) for i in range(0, len(arguments), 2)]
    if libc.renameat2(AT_FDCWD, pairs[0][0], AT_FDCWD, pairs[0][1], RENAME_EXCHANGE) != 0:
        sys.exit("names cannot be exchanged: " + os.strerror(ctypes.get_errno()))
    print("on", flush=True)
    chance = random.Random(seed)
    while True:
        for name, other in pairs:
            libc.renameat2(AT_FDCWD, name, AT_FDCWD, other, RENAME_EXCHANGE)
        # Both states must last as long as a few system calls of the server do, and not always equally long.
        end = time.perf_counter() + 0.00002 * chance.randint(1, 13)
        while time.perf_counter() < end:
            pass


def special():
    root = os.open(arguments[0], os.O_DIRECTORY)
    os.fchdir(root)
    os.mkfifo("pipe")
    server = socket.socket(socket.AF_UNIX)
    server.bind("socket")
    for name in [b"new\nline", b"\xff\xfe-bytes", b"x" * 255, "\u202etxt.exe".encode(), b"back\\slash", b"%2e%2e", b"%00", b"...", b"-rf", b" ", b"C:name", b"\x1b[31m"]:
        with open(name, "wb") as file:
            file.write(b"odd")
    os.mkdir(b"\xffdirectory")
    open(b"\xffdirectory/inner", "w").close()
    os.symlink("loop-b", "loop-a")
    os.symlink("loop-a", "loop-b")
    os.symlink(".", "here")
    for name in ["root", "cwd", "fd/3", "environ", "mem"]:
        os.symlink("/proc/self/" + name, "proc-" + name.replace("/", "-"))
    os.mkdir("closed")
    open("closed/inner", "w").close()
    os.chmod("closed", 0)
    os.mkdir("listed")
    open("listed/inner", "w").close()
    os.chmod("listed", 0o400)
    open("unreadable", "w").close()
    os.chmod("unreadable", 0)
    os.mkdir("wide")
    for number in range(300):
        os.symlink("nowhere", "wide/%d" % number) if number % 2 else open("wide/%d" % number, "w").close()
    os.mkdir("deep")
    os.chdir("deep")
    for level in range(300):
        os.mkdir("d")
        os.chdir("d")
    open("bottom", "w").close()
    print("on", flush=True)


{"exchange": exchange, "special": special}[task]()
