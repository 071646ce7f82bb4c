using Microsoft.Win32.SafeHandles;

namespace KestrelKv.Transport;

/// <summary>
/// One thread that waits for events of its connections (epoll) and serves them. Continuations of reads run on this thread, so they
/// must not block.
/// </summary>
/// <remarks>
/// Any thread may use all members, except <see cref="Round"/>. Each connection receives once per turn, however much it has sent. Then all
/// other ready connections have their turn.
/// </remarks>
internal sealed class EventLoop : IDisposable
{
    private const int EventsMax = 256;

    /// <summary>The maximum number of ended connections that are kept for reuse.</summary>
    private const int KeptMax = 64;

    private readonly SafeFileHandle _epoll = Libc.CreateEpoll();
    private readonly SafeFileHandle _alarm = Libc.CreateEvent();
    private readonly EpollEvents _events = new(EventsMax);
    private readonly Thread _thread;
    private readonly Lock _lock = new();

    // Connections that wait for a turn. _next and _current belong to the loop's thread. Other threads add to _posted, under the lock.
    private List<SocketConnection> _next = [];
    private List<SocketConnection> _current = [];
    private readonly List<SocketConnection> _posted = [];

    // Ended connections for reuse, under the lock.
    private readonly Stack<SocketConnection> _kept = [];

    // Indexed by descriptor. Written and replaced under the lock, and read without it.
    private ILoopFile?[] _files = new ILoopFile?[256];

    // 1 while the thread waits for events, or is about to. Another thread that resets it to 0 must wake this one.
    private int _asleep;
    private volatile bool _stopping;
    private int _count;

    public EventLoop(string name)
    {
        Libc.Watch(_epoll, (int)_alarm.DangerousGetHandle(), Libc.CanRead);
        _thread = new Thread(Run) { Name = name, IsBackground = true };
        _thread.UnsafeStart();
    }

    /// <summary>The number of waits for events so far. For the loop's thread only.</summary>
    public long Round { get; private set; }

    public int Count => Volatile.Read(ref _count);

    public bool IsCurrent => Thread.CurrentThread == _thread;

    /// <summary>Starts watching a listening socket.</summary>
    public void Watch(ILoopFile listener)
    {
        Set(listener.File, listener);
        try
        {
            Libc.WatchListener(_epoll, listener.File);
        }
        catch (ObjectDisposedException)
        {
            // The loop has ended.
        }
    }

    /// <summary>Stops watching a listening socket. Must be called before its descriptor is closed.</summary>
    public void Unwatch(ILoopFile listener)
    {
        Set(listener.File, null);
        try
        {
            Libc.Unwatch(_epoll, listener.File);
        }
        catch (ObjectDisposedException)
        {
            // The loop has ended.
        }
    }

    /// <summary>Returns a connection of this loop that is not open.</summary>
    public SocketConnection Rent()
    {
        lock (_lock)
            if (_kept.TryPop(out SocketConnection? connection)) return connection;
        return new SocketConnection(this);
    }

    /// <summary>Keeps an ended connection for reuse. The caller must hold the only reference to it.</summary>
    public void Return(SocketConnection connection)
    {
        lock (_lock)
            if (_kept.Count < KeptMax) _kept.Push(connection);
    }

    /// <summary>Starts serving a connection.</summary>
    /// <exception cref="IOException">The system cannot watch another file.</exception>
    public void Add(SocketConnection connection)
    {
        Set(connection.File, connection);
        Interlocked.Increment(ref _count);
        try
        {
            Libc.Watch(_epoll, connection.File, Libc.CanRead | Libc.CanWrite | Libc.ReadHungUp);
        }
        catch
        {
            Remove(connection);
            throw;
        }
    }

    /// <summary>
    /// Stops serving a connection. Must be called before its descriptor is closed, which also ends the watch in the system. Its events may
    /// still reach the next connection with the same descriptor. They are harmless: that connection finds nothing to receive.
    /// </summary>
    public void Remove(SocketConnection connection)
    {
        Set(connection.File, null);
        Interlocked.Decrement(ref _count);
    }

    /// <summary>Queues a turn of a connection behind those that are ready now.</summary>
    public void Post(SocketConnection connection)
    {
        if (IsCurrent)
        {
            _next.Add(connection);
            return;
        }
        lock (_lock) _posted.Add(connection);
        if (Interlocked.Exchange(ref _asleep, 0) == 1) Wake();
    }

    public void ForEach(Action<SocketConnection> action)
    {
        foreach (ILoopFile? file in Volatile.Read(ref _files))
            if (file is SocketConnection connection) action(connection);
    }

    /// <summary>Ends the thread. Open connections are not served afterwards.</summary>
    public void Dispose()
    {
        _stopping = true;
        Wake();
        if (!IsCurrent) _thread.Join();
    }

    private void Set(int number, ILoopFile? file)
    {
        lock (_lock)
        {
            if (number >= _files.Length)
            {
                ILoopFile?[] larger = new ILoopFile?[Math.Max(number + 1, _files.Length * 2)];
                _files.CopyTo(larger, 0);
                Volatile.Write(ref _files, larger);
            }
            _files[number] = file;
        }
    }

    private void Wake()
    {
        try
        {
            Libc.Fire(_alarm);
        }
        catch (ObjectDisposedException)
        {
            // The thread has ended and closed the event. The handle prevents a write to another file with the same descriptor.
        }
    }

    private void Run()
    {
        while (!_stopping)
        {
            int count = Libc.Wait(_epoll, _events, MaySleep() ? -1 : 0);
            Round++;
            Volatile.Write(ref _asleep, 0);
            for (int i = 0; i < count; i++)
            {
                (int number, uint events) = _events.Read(i);
                ILoopFile?[] files = Volatile.Read(ref _files);
                if (number < files.Length) files[number]?.OnEvents(events);
            }
            TakeTurns();
        }
        _events.Dispose();
        _epoll.Dispose();
        _alarm.Dispose();
    }

    /// <summary>Whether no connection waits for a turn. A connection that is posted from now on wakes the thread.</summary>
    private bool MaySleep()
    {
        if (_next.Count > 0) return false;
        Interlocked.Exchange(ref _asleep, 1);
        lock (_lock) return _posted.Count == 0;
    }

    private void TakeTurns()
    {
        lock (_lock)
        {
            if (_posted.Count > 0)
            {
                _next.AddRange(_posted);
                _posted.Clear();
            }
        }
        if (_next.Count == 0) return;
        (_current, _next) = (_next, _current);
        foreach (SocketConnection connection in _current) connection.TakeTurn();
        _current.Clear();
    }
}
