using System.ComponentModel;
using System.Runtime.InteropServices;

namespace KestrelKv.Benchmarks.Loads;

/// <summary>
/// Waits for many sockets at once: Linux' epoll(7). Edge-triggered, a socket costs nothing but its events. Sockets
/// of .NET wait in the same way, but on threads of their own, whose hand-over to those who read costs more than the read.
/// </summary>
internal sealed unsafe partial class Epoll : IDisposable
{
    public const uint Readable = 0x001; // EPOLLIN
    public const uint Writable = 0x004; // EPOLLOUT
    public const uint Ended = 0x2018; // EPOLLERR | EPOLLHUP | EPOLLRDHUP

    private const int EventsMax = 1_024;
    private const int CloseOnExec = 0x80000;
    private const int Add = 1;
    private const int Modify = 3;
    private const uint EdgeTriggered = 1u << 31;
    private const int Interrupted = 4;

    // struct epoll_event { uint32_t events; uint64_t data; } is packed on x86-64, and nowhere else.
    private static readonly int EventBytes = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 12 : 16;
    private static readonly int DataAt = EventBytes - sizeof(ulong);

    private readonly int _epoll;
    private readonly byte* _events = (byte*)NativeMemory.Alloc((nuint)(EventsMax * EventBytes));

    /// <exception cref="Win32Exception">The system has none left.</exception>
    public Epoll() => _epoll = Checked(Create(CloseOnExec));

    public void Dispose()
    {
        NativeMemory.Free(_events);
        _ = Close(_epoll);
    }

    /// <summary>Tells from now on what happens to a socket, under the number given.</summary>
    public void Watch(int socket, int number) => Control(Add, socket, number, Readable | Writable | Ended | EdgeTriggered);

    /// <summary>Reports some events of a socket, under the number given, level-triggered, until it is closed.</summary>
    public void Watch(int socket, int number, uint events) => Control(Add, socket, number, events);

    /// <summary>Changes which events of a socket are reported, level-triggered.</summary>
    public void Change(int socket, int number, uint events) => Control(Modify, socket, number, events);

    /// <summary>Waits until something happens.</summary>
    /// <inheritdoc cref="Wait(long)"/>
    public int Wait() => WaitUntil(null);

    /// <summary>Waits until something happens, or the time is over.</summary>
    /// <returns>How many events there are for <see cref="this[int]"/>.</returns>
    public int Wait(long nanoseconds)
    {
        TimeSpec time = new(nanoseconds / 1_000_000_000, nanoseconds % 1_000_000_000);
        return WaitUntil(&time);
    }

    /// <summary>An event: the number of the socket, and what has happened to it.</summary>
    public (int Number, uint What) this[int index] =>
        ((int)*(ulong*)(_events + index * EventBytes + DataAt), *(uint*)(_events + index * EventBytes));

    private int WaitUntil(TimeSpec* timeout)
    {
        int count;
        do count = Wait(_epoll, _events, EventsMax, timeout, null);
        while (count < 0 && Marshal.GetLastPInvokeError() == Interrupted);
        return Checked(count);
    }

    private void Control(int operation, int socket, int number, uint events)
    {
        byte* change = stackalloc byte[EventBytes];
        *(uint*)change = events;
        *(ulong*)(change + DataAt) = (ulong)number;
        _ = Checked(Control(_epoll, operation, socket, change));
    }

    private static int Checked(int result) => result >= 0 ? result : throw new Win32Exception(Marshal.GetLastPInvokeError());

    [LibraryImport("libc", EntryPoint = "epoll_create1", SetLastError = true)]
    private static partial int Create(int flags);

    [LibraryImport("libc", EntryPoint = "epoll_ctl", SetLastError = true)]
    private static partial int Control(int epoll, int operation, int file, byte* change);

    [LibraryImport("libc", EntryPoint = "epoll_pwait2", SetLastError = true)]
    private static partial int Wait(int epoll, byte* events, int eventsMax, TimeSpec* timeout, void* signals);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int file);

    private readonly record struct TimeSpec(long Seconds, long Nanoseconds);
}
