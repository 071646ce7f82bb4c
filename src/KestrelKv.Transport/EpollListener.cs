using System.Net;
using System.Net.Sockets;
using System.Threading.Channels;
using Microsoft.AspNetCore.Connections;
using Microsoft.Win32.SafeHandles;

namespace KestrelKv.Transport;

/// <summary>Accepts connections on the loops' threads. The accepting loop or the least loaded one serves each connection.</summary>
/// <remarks>
/// With a <c>serve</c> delegate, a connection's handler starts on its loop's thread as soon as it is accepted. Without one,
/// <see cref="AcceptAsync"/> returns the connections, and Kestrel starts their handlers on the thread pool.
/// </remarks>
internal sealed class EpollListener : IConnectionListener
{
    /// <summary>
    /// The maximum number of file descriptors reserved for the rest of the process. Without a free descriptor the runtime cannot start a
    /// thread of its pool, and ends the process.
    /// </summary>
    private const int ReservedFilesMax = 128;

    /// <summary>A connection moves to another loop if the accepting loop serves at least this many more.</summary>
    private const int ImbalanceMax = 4;

    /// <summary>The maximum number of connections accepted per event, before the loop serves its other connections.</summary>
    private const int BurstMax = 64;

    /// <summary>How long the limit of open files is cached, in milliseconds.</summary>
    private const long FilesMaxAge = 1_000;

    /// <summary>The time between attempts while no descriptor is available.</summary>
    private static readonly TimeSpan RetryDelay = TimeSpan.FromMilliseconds(100);

    private readonly Socket _socket;
    private readonly EventLoop[] _loops;
    private readonly Acceptor[] _acceptors;
    private readonly Func<long> _filesMax;
    private readonly ConnectionDelegate? _serve;
    private readonly Action<Exception> _onFault;
    private readonly Channel<ConnectionContext> _accepted = Channel.CreateUnbounded<ConnectionContext>();
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

    // Approximately the number of descriptors that the process itself has open.
    private readonly long _ownFiles;
    private long _filesMaxKnown;
    private long _filesMaxReadAt = long.MinValue;

    /// <summary>Guards the listening socket: it is not closed while another thread that holds this lock watches or unwatches it.</summary>
    private readonly Lock _gate = new();
    private volatile bool _unbound;

    /// <summary>The number of connections being served, plus one for the listener while it is bound.</summary>
    private int _serving = 1;

    /// <param name="socket">The listening socket. Owned by this object.</param>
    /// <param name="loops">The loops that accept and serve.</param>
    /// <param name="filesMax">Returns the maximum number of files that the process may have open.</param>
    /// <param name="serve">Serves a connection; null to return connections from <see cref="AcceptAsync"/>.</param>
    /// <param name="onFault">Called with each exception of <paramref name="serve"/>, which ends only its connection.</param>
    public EpollListener(
        Socket socket, EventLoop[] loops, Func<long> filesMax, ConnectionDelegate? serve = null, Action<Exception>? onFault = null)
    {
        (_socket, _loops, _filesMax, _serve, _onFault) = (socket, loops, filesMax, serve, onFault ?? (static _ => { }));
        _ownFiles = socket.Handle;
        EndPoint = socket.LocalEndPoint!;

        // Accepted connections inherit this option, which saves a system call for each.
        socket.NoDelay = true;
        socket.Blocking = false;
        _acceptors = [.. loops.Select(loop => new Acceptor(this, loop))];
    }

    /// <inheritdoc/>
    public EndPoint EndPoint { get; }

    /// <inheritdoc/>
    /// <remarks>Returns null once the listener is unbound. With a <c>serve</c> delegate it returns nothing before that.</remarks>
    public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
    {
        while (await _accepted.Reader.WaitToReadAsync(cancellationToken))
            if (_accepted.Reader.TryRead(out ConnectionContext? connection)) return connection;
        return null;
    }

    /// <inheritdoc/>
    /// <remarks>With a <c>serve</c> delegate, requests all connections to close and waits for them. Cancellation aborts them.</remarks>
    public async ValueTask UnbindAsync(CancellationToken cancellationToken = default)
    {
        if (TryClose())
        {
            foreach (EventLoop loop in _loops) loop.ForEach(RequestClose);
            EndOne();
        }
        try
        {
            if (_serve is not null) await _ended.Task.WaitAsync(cancellationToken);
        }
        catch (OperationCanceledException)
        {
            var reason = new ConnectionAbortedException("The server is stopping.");
            foreach (EventLoop loop in _loops) loop.ForEach(connection => connection.Abort(reason, this));
            await _ended.Task;
        }
        finally
        {
            _accepted.Writer.TryComplete();
        }
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => UnbindAsync(new CancellationToken(canceled: true));

    /// <summary>Serves a connection to its end, closes it, and returns it to its loop.</summary>
    public async void Serve(SocketConnection connection)
    {
        try
        {
            await _serve!(connection);
        }
        catch (Exception e)
        {
            _onFault(e);
        }
        try
        {
            await connection.DisposeAsync();
        }
        catch (Exception e)
        {
            // A callback of the connection's token has thrown. The connection is closed nevertheless.
            _onFault(e);
        }
        connection.Loop.Return(connection);
        EndOne();
    }

    /// <summary>Closes the port. Returns false if it is already closed.</summary>
    private bool TryClose()
    {
        lock (_gate)
        {
            if (_unbound) return false;
            _unbound = true;
            foreach (Acceptor acceptor in _acceptors) acceptor.Stop();
            _socket.Dispose();
            return true;
        }
    }

    private void RequestClose(SocketConnection connection)
    {
        try
        {
            connection.RequestClose(this);
        }
        catch (AggregateException e)
        {
            // A callback of the connection's token has thrown. The other connections must still be notified.
            _onFault(e);
        }
    }

    /// <summary>Counts one more connection. Returns false once the listener is unbound and all connections have ended.</summary>
    private bool TryBeginOne()
    {
        int serving;
        while ((serving = Volatile.Read(ref _serving)) > 0)
            if (Interlocked.CompareExchange(ref _serving, serving + 1, serving) == serving) return true;
        return false;
    }

    private void EndOne()
    {
        if (Interlocked.Decrement(ref _serving) == 0) _ended.SetResult();
    }

    /// <exception cref="IOException">The loop cannot watch another file, or the listener is unbound.</exception>
    private void Start(int file, ReadOnlySpan<byte> address, EventLoop accepting)
    {
        EventLoop loop = Choose(accepting);
        SocketConnection connection = loop.Rent();
        connection.Open(file, address, this);
        if (_serve is null)
        {
            loop.Add(connection);
            _accepted.Writer.TryWrite(connection);
            return;
        }
        if (!TryBeginOne()) throw new IOException("the listener is unbound");
        try
        {
            loop.Add(connection);
        }
        catch
        {
            EndOne();
            throw;
        }
        connection.Start();
        if (_unbound) RequestClose(connection);
    }

    /// <summary>
    /// Returns the least loaded loop if the accepting one serves many more connections. Otherwise returns the accepting loop, because
    /// another one would have to be woken.
    /// </summary>
    private EventLoop Choose(EventLoop accepting)
    {
        EventLoop idlest = accepting;
        foreach (EventLoop loop in _loops)
            if (loop.Count + ImbalanceMax <= accepting.Count && loop.Count < idlest.Count) idlest = loop;
        return idlest;
    }

    /// <summary>
    /// Whether a connection may use this descriptor. Half of the descriptors that the process does not use itself are reserved, but at most
    /// <see cref="ReservedFilesMax"/>.
    /// </summary>
    private bool IsAvailable(long file)
    {
        long now = Environment.TickCount64;
        if (now >= Volatile.Read(ref _filesMaxReadAt) + FilesMaxAge || file >= _filesMaxKnown / 2)
        {
            Volatile.Write(ref _filesMaxKnown, _filesMax());
            Volatile.Write(ref _filesMaxReadAt, now);
        }
        long max = Volatile.Read(ref _filesMaxKnown);
        return file < max - Math.Clamp((max - _ownFiles) / 2, 0, ReservedFilesMax);
    }

    private bool HasAvailableFiles()
    {
        try
        {
            using SafeFileHandle file = Libc.CreateEvent();
            return IsAvailable(file.DangerousGetHandle());
        }
        catch (IOException)
        {
            return false;
        }
    }

    private sealed class Acceptor : ILoopFile
    {
        private readonly EpollListener _listener;
        private readonly EventLoop _loop;
        private volatile bool _isPaused;
        private int _burst = 1;
        private long _lastRound;

        public Acceptor(EpollListener listener, EventLoop loop)
        {
            (_listener, _loop) = (listener, loop);
            File = (int)listener._socket.Handle;
            loop.Watch(this);
        }

        public int File { get; }

        public void OnEvents(uint events)
        {
            // A failed attempt costs as much as a success. One connection is accepted, and more only if the last round left some.
            _burst = _loop.Round == _lastRound + 1 ? Math.Min(_burst * 2, BurstMax) : 1;
            _lastRound = _loop.Round;
            for (int i = 0; i < _burst && !_isPaused && TryAccept(); i++) { }
        }

        public void Stop() => _loop.Unwatch(this);

        /// <summary>Accepts one connection. Returns false if none is waiting, or none can be accepted now.</summary>
        private bool TryAccept()
        {
            Span<byte> address = stackalloc byte[SocketAddresses.BytesMax];
            int file;
            try
            {
                file = Libc.Accept(_listener._socket.SafeHandle, address);
            }
            catch (ObjectDisposedException)
            {
                return false;
            }
            if (file >= 0) TryStart(file, address, checksLimit: true);

            // WouldBlock: no client is waiting. ConnectionAborted: it has disconnected. Otherwise files or memory are lacking.
            else if (file is not (-Libc.WouldBlock or -Libc.ConnectionAborted)) Pause(null, []);
            return file >= 0;
        }

        private void TryStart(int file, ReadOnlySpan<byte> address, bool checksLimit)
        {
            try
            {
                if (checksLimit && !_listener.IsAvailable(file)) Pause(file, address.ToArray());
                else _listener.Start(file, address, _loop);
            }
            catch (Exception e) when (e is IOException or OutOfMemoryException)
            {
                // The system cannot watch another file, or lacks memory. The client must connect again.
                Libc.Close(file);
            }
        }

        /// <summary>
        /// Stops accepting until descriptors are available. A connection that took a reserved one is held and served afterwards. Later ones
        /// wait in the kernel's accept queue.
        /// </summary>
        private async void Pause(int? held, byte[] address)
        {
            _isPaused = true;
            lock (_listener._gate)
                if (!_listener._unbound) _loop.Unwatch(this);
            while (!_listener._unbound)
            {
                await Task.Delay(RetryDelay);
                if (_listener.HasAvailableFiles()) break;
            }
            if (held is { } file)
            {
                if (_listener._unbound) Libc.Close(file);
                else TryStart(file, address, checksLimit: false);
            }
            _isPaused = false;
            while (!TryWatch()) await Task.Delay(RetryDelay);
        }

        /// <summary>Watches the port again, unless it is closed. Returns false if the system cannot watch another file.</summary>
        private bool TryWatch()
        {
            lock (_listener._gate)
            {
                try
                {
                    if (!_listener._unbound) _loop.Watch(this);
                    return true;
                }
                catch (IOException)
                {
                    return false;
                }
            }
        }
    }
}
