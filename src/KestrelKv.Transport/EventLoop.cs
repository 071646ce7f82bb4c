using Microsoft.Win32.SafeHandles;

namespace KestrelKv.Transport;

/// <summary>
/// One thread that waits for events of its connections (epoll), and serves them: the continuation of a read runs on this thread. So it
/// must not block.
/// </summary>
/// <remarks>
/// Each connection gets one receive in its turn, however much it has sent: after that come all others that have something.
/// </remarks>
internal sealed class EventLoop : IDisposable
{
    private const int EventsMax = 256;

    /// <summary>The most ended connections that are kept for the next ones.</summary>
    private const int KeptMax = 64;

    private readonly SafeFileHandle _epoll = Libc.CreateEpoll();
    private readonly SafeFileHandle _alarm = Libc.CreateEvent();
    private readonly EpollEvents _events = new(EventsMax);
    private readonly Thread _thread;
    private readonly Lock _lock = new();

    // Those whose turn comes next: as the loop's own thread has it, and as others have it, under the lock.
    private List<SocketConnection> _next = [];
    private List<SocketConnection> _current = [];
    private readonly List<SocketConnection> _posted = [];
    private readonly Stack<SocketConnection> _kept = [];

    // By the number of their files; replaced, and written, under the lock.
    private ILoopFile?[] _files = new ILoopFile?[256];
    private int _asleep;
    private volatile bool _stopping;
    private int _count;

    public EventLoop(string name)
    {
        Libc.Watch(_epoll, (int)_alarm.DangerousGetHandle(), Libc.CanRead);
        _thread = new Thread(Run) { Name = name, IsBackground = true };
        _thread.UnsafeStart();
    }

    /// <summary>How often it has waited for events; to be read on its thread.</summary>
    public long Round { get; private set; }

    /// <summary>How many connections it has.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <summary>Whether the caller is the loop's thread.</summary>
    public bool IsCurrent => Thread.CurrentThread == _thread;

    /// <summary>Watches a socket that listens.</summary>
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

    /// <summary>Watches a socket that listens no more. To be called before its file is closed.</summary>
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

    /// <summary>Takes back a connection that has ended, and that nobody refers to.</summary>
    public void Return(SocketConnection connection)
    {
        lock (_lock)
            if (_kept.Count < KeptMax) _kept.Push(connection);
    }

    /// <summary>Serves a connection from now on.</summary>
    /// <exception cref="IOException">The system cannot watch one more.</exception>
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
    /// Forgets a connection. To be called before its file is closed, with which the system forgets it, too. Events of it may still be
    /// delivered to the next connection with the same file number: harmless, as it finds nothing to receive.
    /// </summary>
    public void Remove(SocketConnection connection)
    {
        Set(connection.File, null);
        Interlocked.Decrement(ref _count);
    }

    /// <summary>Lets a connection have its turn after those that have something now.</summary>
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

    /// <summary>Does something with each connection.</summary>
    public void ForEach(Action<SocketConnection> action)
    {
        foreach (ILoopFile? file in Volatile.Read(ref _files))
            if (file is SocketConnection connection) action(connection);
    }

    /// <summary>Ends the thread. Its connections are served no more.</summary>
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
            // The thread has ended. By its number the file might be anybody's by now.
        }
    }

    private void Run()
    {
        while (!_stopping)
        {
            int count = Libc.Wait(_epoll, _events, MayRest() ? -1 : 0);
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

    /// <summary>Whether nobody waits for a turn. A connection that is posted from now on wakes the thread.</summary>
    private bool MayRest()
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
