using Microsoft.Win32.SafeHandles;

namespace KestrelKv.Transport;

/// <summary>
/// One thread that is told by the system what happens on its connections, and serves them: whoever waits for bytes goes on
/// right there. So whatever goes on there must not block.
/// </summary>
/// <remarks>
/// Each connection gets one receive in its turn, however much it has sent: after that come all others that have something.
/// </remarks>
internal sealed class EventLoop : IDisposable
{
    private const int EventsMax = 256;

    private readonly SafeFileHandle _epoll = Libc.CreateEpoll();
    private readonly SafeFileHandle _alarm = Libc.CreateEvent();
    private readonly EpollEvents _events = new(EventsMax);
    private readonly Thread _thread;
    private readonly Lock _lock = new();

    // Those whose turn comes next: as the loop's own thread has it, and as others have it, under the lock.
    private List<SocketConnection> _next = [];
    private List<SocketConnection> _current = [];
    private readonly List<SocketConnection> _posted = [];

    // By the number of their files; replaced, and written, under the lock.
    private SocketConnection?[] _connections = new SocketConnection?[256];
    private int _asleep;
    private volatile bool _stopping;
    private int _count;

    public EventLoop(string name)
    {
        Libc.Watch(_epoll, (int)_alarm.DangerousGetHandle(), Libc.CanRead);
        _thread = new Thread(Run) { Name = name, IsBackground = true };
        _thread.UnsafeStart();
    }

    /// <summary>How many connections it has.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <summary>Serves a connection from now on.</summary>
    public void Add(SocketConnection connection)
    {
        lock (_lock)
        {
            if (connection.File >= _connections.Length)
            {
                SocketConnection?[] larger = new SocketConnection?[Math.Max(connection.File + 1, _connections.Length * 2)];
                _connections.CopyTo(larger, 0);
                Volatile.Write(ref _connections, larger);
            }
            _connections[connection.File] = connection;
            _count++;
        }
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
    /// Forgets a connection; to be called before its file is closed, with which the system forgets it, too. Of the next that has
    /// its file's number the loop may be told what was meant for this one, which does no harm: it finds nothing to receive.
    /// </summary>
    public void Remove(SocketConnection connection)
    {
        lock (_lock)
        {
            _connections[connection.File] = null;
            _count--;
        }
    }

    /// <summary>Lets a connection have its turn after those that have something now.</summary>
    public void Post(SocketConnection connection)
    {
        if (Thread.CurrentThread == _thread)
        {
            _next.Add(connection);
            return;
        }
        lock (_lock) _posted.Add(connection);
        if (Interlocked.Exchange(ref _asleep, 0) == 1) Wake();
    }

    /// <summary>Ends the thread. Its connections are served no more.</summary>
    public void Dispose()
    {
        _stopping = true;
        Wake();
        if (Thread.CurrentThread != _thread) _thread.Join();
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
            Volatile.Write(ref _asleep, 0);
            for (int i = 0; i < count; i++)
            {
                (int file, uint events) = _events.Read(i);
                SocketConnection?[] connections = Volatile.Read(ref _connections);
                if (file < connections.Length) connections[file]?.OnEvents(events);
            }
            TakeTurns();
        }
        _events.Dispose();
        _epoll.Dispose();
        _alarm.Dispose();
    }

    /// <summary>Whether nobody waits for a turn. Who posts one from now on wakes the thread.</summary>
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
