using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

[assembly: DisableRuntimeMarshalling]

namespace KestrelKv.Transport;

/// <summary>The system calls, and the Linux constants that they take (asm-generic, which x86-64 and arm64 share).</summary>
internal static unsafe partial class Libc
{
    public const int WouldBlock = 11; // EAGAIN
    public const int ConnectionAborted = 103; // ECONNABORTED
    public const int ConnectionReset = 104; // ECONNRESET
    public const int TimedOut = 110; // ETIMEDOUT

    public const uint CanRead = 0x1; // EPOLLIN
    public const uint CanWrite = 0x4; // EPOLLOUT
    public const uint Failed = 0x8; // EPOLLERR
    public const uint HungUp = 0x10; // EPOLLHUP
    public const uint ReadHungUp = 0x2000; // EPOLLRDHUP
    public const uint EdgeTriggered = 1u << 31; // EPOLLET

    private const int Interrupted = 4; // EINTR
    private const int CloseOnExec = 0x80000; // O_CLOEXEC
    private const int NonBlocking = 0x800; // O_NONBLOCK
    private const int NumberOfFiles = 7; // RLIMIT_NOFILE
    private const int AddControl = 1; // EPOLL_CTL_ADD
    private const int RemoveControl = 2; // EPOLL_CTL_DEL
    private const uint Exclusive = 1u << 28; // EPOLLEXCLUSIVE
    private const int ShutdownBoth = 2; // SHUT_RDWR
    private const int DontWait = 0x40; // MSG_DONTWAIT
    private const int NoSignal = 0x4000; // MSG_NOSIGNAL
    private const int MoreComes = 0x8000; // MSG_MORE

    /// <summary>Returns the maximum number of files that the process may have open. All descriptors are below it.</summary>
    public static long FilesMax()
    {
        nuint* limits = stackalloc nuint[2];
        Checked(GetResourceLimit(NumberOfFiles, limits), "getrlimit");
        return (long)Math.Min(limits[0], long.MaxValue);
    }

    public static SafeFileHandle CreateEpoll() => new(Checked(EpollCreate(CloseOnExec), "epoll_create1"), ownsHandle: true);

    public static SafeFileHandle CreateEvent() => new(Checked(EventFd(0, CloseOnExec | NonBlocking), "eventfd"), ownsHandle: true);

    /// <summary>Registers a file with an epoll, which reports each event once (edge-triggered).</summary>
    public static void Watch(SafeFileHandle epoll, int file, uint events)
    {
        byte* entry = stackalloc byte[EpollEvents.EntryBytes];
        EpollEvents.Write(entry, events | EdgeTriggered, file);
        Checked(EpollControl(epoll, AddControl, file, entry), "epoll_ctl");
    }

    /// <summary>
    /// Registers a listening socket with an epoll, which reports it as long as connections wait to be accepted. If several epolls watch the
    /// same socket, the system wakes one of their threads, not all.
    /// </summary>
    public static void WatchListener(SafeFileHandle epoll, int file)
    {
        byte* entry = stackalloc byte[EpollEvents.EntryBytes];
        EpollEvents.Write(entry, CanRead | Exclusive, file);
        Checked(EpollControl(epoll, AddControl, file, entry), "epoll_ctl");
    }

    public static void Unwatch(SafeFileHandle epoll, int file)
    {
        byte* entry = stackalloc byte[EpollEvents.EntryBytes];
        EpollControl(epoll, RemoveControl, file, entry);
    }

    /// <summary>Accepts a connection. Returns its non-blocking descriptor, or a negative error number, and the <c>sockaddr</c>.</summary>
    public static int Accept(SafeHandle listener, Span<byte> address)
    {
        fixed (byte* start = address)
        {
            while (true)
            {
                int length = address.Length;
                int file = Accept4(listener, start, &length, CloseOnExec | NonBlocking);
                if (file >= 0) return file;
                if (Marshal.GetLastPInvokeError() is var error && error != Interrupted) return -error;
            }
        }
    }

    /// <summary>Writes the local address of a socket, a <c>sockaddr</c>, to a buffer.</summary>
    public static void GetLocalAddress(int socket, Span<byte> address)
    {
        fixed (byte* start = address)
        {
            int length = address.Length;
            Checked(GetSocketName(socket, start, &length), "getsockname");
        }
    }

    /// <summary>Shuts down both directions of a connection, which completes its waits. Has no effect on an ended connection.</summary>
    public static void Shutdown(int socket) => _ = ShutDown(socket, ShutdownBoth);

    /// <summary>Closes a file. Another file may have its descriptor from now on.</summary>
    public static void Close(int file) => _ = CloseFile(file);

    /// <summary>Waits for events, without a limit if it is -1. Returns their number; 0 if the wait was interrupted.</summary>
    public static int Wait(SafeFileHandle epoll, EpollEvents events, int milliseconds)
    {
        int count = EpollWait(epoll, events.Pointer, events.Capacity, milliseconds);
        return count < 0 && Marshal.GetLastPInvokeError() == Interrupted ? 0 : Checked(count, "epoll_wait");
    }

    /// <summary>Signals an eventfd.</summary>
    public static void Fire(SafeFileHandle eventFile)
    {
        ulong one = 1;
        Write(eventFile, &one, sizeof(ulong));
    }

    /// <summary>Receives available bytes. Returns their number, 0 at the end of the stream, or a negative error number.</summary>
    public static int Receive(int socket, Span<byte> buffer)
    {
        fixed (byte* start = buffer)
        {
            while (true)
            {
                nint count = Recv(socket, start, (nuint)buffer.Length, DontWait);
                if (count >= 0) return (int)count;
                if (Marshal.GetLastPInvokeError() is var error && error != Interrupted) return -error;
            }
        }
    }

    /// <summary>
    /// Sends as many bytes as the system has room for. Returns their number, or a negative error number. If more bytes follow at once, the
    /// system does not send a packet for these alone.
    /// </summary>
    public static int Send(int socket, ReadOnlySpan<byte> bytes, bool more)
    {
        fixed (byte* start = bytes)
        {
            while (true)
            {
                nint count = Send(socket, start, (nuint)bytes.Length, DontWait | NoSignal | (more ? MoreComes : 0));
                if (count >= 0) return (int)count;
                if (Marshal.GetLastPInvokeError() is var error && error != Interrupted) return -error;
            }
        }
    }

    private static int Checked(int result, string call) => result >= 0
        ? result
        : throw new IOException($"{call}: {Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())}");

    [LibraryImport("libc", EntryPoint = "getrlimit", SetLastError = true)]
    private static partial int GetResourceLimit(int resource, nuint* limits);

    [LibraryImport("libc", EntryPoint = "epoll_create1", SetLastError = true)]
    private static partial int EpollCreate(int flags);

    [LibraryImport("libc", EntryPoint = "epoll_ctl", SetLastError = true)]
    private static partial int EpollControl(SafeFileHandle epoll, int operation, int file, void* entry);

    [LibraryImport("libc", EntryPoint = "epoll_wait", SetLastError = true)]
    private static partial int EpollWait(SafeFileHandle epoll, void* events, int count, int milliseconds);

    [LibraryImport("libc", EntryPoint = "eventfd", SetLastError = true)]
    private static partial int EventFd(uint value, int flags);

    [LibraryImport("libc", EntryPoint = "recv", SetLastError = true)]
    private static partial nint Recv(int socket, void* buffer, nuint bytes, int flags);

    [LibraryImport("libc", EntryPoint = "send", SetLastError = true)]
    private static partial nint Send(int socket, void* bytes, nuint count, int flags);

    [LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
    private static partial nint Write(SafeFileHandle file, void* bytes, nuint count);

    [LibraryImport("libc", EntryPoint = "accept4", SetLastError = true)]
    private static partial int Accept4(SafeHandle listener, void* address, int* addressBytes, int flags);

    [LibraryImport("libc", EntryPoint = "getsockname", SetLastError = true)]
    private static partial int GetSocketName(int socket, void* address, int* addressBytes);

    [LibraryImport("libc", EntryPoint = "shutdown")]
    private static partial int ShutDown(int socket, int how);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int CloseFile(int file);
}
