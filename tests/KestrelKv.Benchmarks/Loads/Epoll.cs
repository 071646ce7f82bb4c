using System.ComponentModel;
using System.Runtime.InteropServices;

namespace KestrelKv.Benchmarks.Loads;

/// <summary>
/// Waits for many sockets at once with epoll(7). An edge-triggered socket costs only its events. Sockets of .NET also use epoll, but on
/// threads of their own; passing an event to the reading thread costs more than the read.
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

    // On x86-64, and only there, struct epoll_event { uint32_t events; uint64_t data; } is packed.
    private static readonly int EventBytes = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 12 : 16;
    private static readonly int DataAt = EventBytes - sizeof(ulong);

    private readonly int _epoll;
    private readonly byte* _events = (byte*)NativeMemory.Alloc((nuint)(EventsMax * EventBytes));

    /// <exception cref="Win32Exception">The process or the system has reached its limit of epoll instances.</exception>
    public Epoll() => _epoll = Checked(Create(CloseOnExec));

    public void Dispose()
    {
        NativeMemory.Free(_events);
        _ = Close(_epoll);
    }

    /// <summary>Reports all events of a socket, edge-triggered, under the given number.</summary>
    public void Watch(int socket, int number) => Control(Add, socket, number, Readable | Writable | Ended | EdgeTriggered);

    /// <summary>Reports some events of a socket, level-triggered, under the given number, until the socket is closed.</summary>
    public void Watch(int socket, int number, uint events) => Control(Add, socket, number, events);

    /// <summary>Changes which events of a socket are reported, level-triggered.</summary>
    public void Change(int socket, int number, uint events) => Control(Modify, socket, number, events);

    /// <summary>Waits for at least one event.</summary>
    /// <inheritdoc cref="Wait(long)"/>
    public int Wait() => WaitUntil(null);

    /// <summary>Waits for at least one event, or until the timeout has elapsed.</summary>
    /// <returns>The number of events available through <see cref="this[int]"/>; 0 after the timeout.</returns>
    public int Wait(long nanoseconds)
    {
        TimeSpec time = new(nanoseconds / 1_000_000_000, nanoseconds % 1_000_000_000);
        return WaitUntil(&time);
    }

    /// <summary>Returns an event: the number of the socket, and the events of epoll.</summary>
    public (int Number, uint Events) this[int index] =>
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
