using System.Globalization;
using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;

namespace KestrelKv.Transport;

/// <summary>A connection that an event loop serves. After its end, the object can be opened for another client.</summary>
internal sealed class SocketConnection :
    ConnectionContext, IConnectionSocketFeature, IConnectionLifetimeNotificationFeature, IPersistentStateFeature, IDuplexPipe, ILoopFile
{
    private static long _lastNumber;

    private readonly SocketReader _reader;
    private readonly SocketWriter _writer;

    /// <summary>
    /// Guards the state that other threads access. They use the descriptor only under this lock and while the connection is open, so it
    /// cannot be closed meanwhile.
    /// </summary>
    private readonly Lock _gate = new();
    private readonly byte[] _address = new byte[SocketAddresses.BytesMax];

    private CancellationTokenSource? _closed;
    private CancellationTokenSource? _closeRequested;
    private bool _isCloseRequested;
    private volatile ConnectionAbortedException? _abortion;
    private volatile bool _isOpen;
    private volatile bool _isStarting;
    private IPEndPoint? _remote;
    private EndPoint? _local;
    private string? _id;
    private FeatureCollection? _features;
    private int _featuresRevision;
    private IDictionary<object, object?>? _items;
    private IDictionary<object, object?>? _state;
    private Socket? _socket;
    private int _hasTurn;

    public SocketConnection(EventLoop loop)
    {
        Loop = loop;
        Transport = this;
        _reader = new SocketReader(this);
        _writer = new SocketWriter(this);
    }

    /// <summary>The descriptor of the socket. Valid until the connection is disposed.</summary>
    public int File { get; private set; }

    /// <summary>The reason of the abort; null if the connection was not aborted.</summary>
    public ConnectionAbortedException? AbortReason => _abortion;

    /// <inheritdoc/>
    public Socket Socket => _socket ??= new Socket(new SafeSocketHandle(File, ownsHandle: false));

    /// <summary>The listener that accepted the connection; null before the first <see cref="Open"/>.</summary>
    public EpollListener? Listener { get; private set; }

    public EventLoop Loop { get; }

    public override string ConnectionId
    {
        get => _id ??= Interlocked.Increment(ref _lastNumber).ToString(CultureInfo.InvariantCulture);
        set => _id = value;
    }

    public override IFeatureCollection Features => _features ?? CreateFeatures();

    public override IDictionary<object, object?> Items
    {
        get => _items ??= new ConnectionItems();
        set => _items = value;
    }

    public override IDuplexPipe Transport { get; set; }

    public override EndPoint? LocalEndPoint
    {
        get => _local ??= ReadLocalEndPoint();
        set => _local = value;
    }

    public override EndPoint? RemoteEndPoint
    {
        get => _remote ??= SocketAddresses.Read(_address);
        set => _remote = (IPEndPoint?)value;
    }

    public override CancellationToken ConnectionClosed
    {
        get
        {
            lock (_gate) return !_isOpen || _abortion is not null ? new(canceled: true) : (_closed ??= new()).Token;
        }
        set => throw new NotSupportedException();
    }

    public CancellationToken ConnectionClosedRequested
    {
        get
        {
            lock (_gate) return (_closeRequested ??= new()).Token;
        }
        set => throw new NotSupportedException();
    }

    /// <summary>State that a handler keeps for the next client that this object serves.</summary>
    IDictionary<object, object?> IPersistentStateFeature.State => _state ??= new ConnectionItems();

    PipeReader IDuplexPipe.Input => _reader;

    PipeWriter IDuplexPipe.Output => _writer;

    /// <summary>Opens the connection for a client, and takes the ownership of its descriptor. The address is a <c>sockaddr</c>.</summary>
    public void Open(int file, ReadOnlySpan<byte> address, EpollListener listener)
    {
        File = file;
        address.CopyTo(_address);
        Listener = listener;
        _reader.Open();
        _writer.Open();
        (_remote, _local, _id, _items, _socket, _closed, _abortion) = (null, null, null, null, null, null, null);
        Transport = this;

        // The thread that requested the close may still be about to cancel this source, so it is not reused.
        if (_isCloseRequested || _closeRequested?.TryReset() == false) _closeRequested = null;
        _isCloseRequested = false;
        if (_features?.Revision != _featuresRevision) _features = null;
        _isOpen = true;
    }

    public void Start()
    {
        if (Loop.IsCurrent)
        {
            Listener!.Serve(this);
            return;
        }
        _isStarting = true;
        Loop.Post(this);
    }

    /// <inheritdoc/>
    public void OnEvents(uint events)
    {
        bool ending = (events & (Libc.ReadHungUp | Libc.HungUp | Libc.Failed)) != 0;
        if (ending) _reader.MarkEnding();

        // A pending turn receives all bytes that arrive before it. A second receive would be a second turn in one round.
        if ((ending || (events & Libc.CanRead) != 0) && Volatile.Read(ref _hasTurn) == 0) _reader.OnReadable();
        if (ending || (events & Libc.CanWrite) != 0) _writer.OnWritable();
    }

    /// <summary>Requests a turn, in which the loop receives from this connection. May be called by any thread.</summary>
    public void PostRead()
    {
        if (Interlocked.Exchange(ref _hasTurn, 1) == 0) Loop.Post(this);
    }

    /// <summary>Takes a requested turn, on the loop's thread: starts the handler or receives.</summary>
    public void TakeTurn()
    {
        if (_isStarting)
        {
            _isStarting = false;
            Listener!.Serve(this);
            return;
        }
        Interlocked.Exchange(ref _hasTurn, 0);
        _reader.OnReadable();
    }

    /// <inheritdoc/>
    public void RequestClose() => RequestClose(null);

    /// <summary>Requests the close, unless a given listener has not accepted the connection. May be called by any thread.</summary>
    public void RequestClose(EpollListener? listener)
    {
        CancellationTokenSource? requested;
        lock (_gate)
        {
            if (!_isOpen || (listener is not null && listener != Listener)) return;
            requested = _closeRequested ??= new();
            _isCloseRequested = true;
        }
        requested.Cancel();
    }

    /// <inheritdoc/>
    /// <remarks>Must be called before the handler has ended. Afterwards the object may serve another client.</remarks>
    public override void Abort(ConnectionAbortedException abortReason) => Abort(abortReason, null);

    /// <summary>Aborts the connection, unless a given listener has not accepted it. May be called by any thread.</summary>
    public void Abort(ConnectionAbortedException abortReason, EpollListener? listener)
    {
        lock (_gate)
        {
            if (!_isOpen || _abortion is not null || (listener is not null && listener != Listener)) return;
            _abortion = abortReason;
            Libc.Shutdown(File);
            if (_closed is { } closed) Task.Run(closed.Cancel);
        }
    }

    public override async ValueTask DisposeAsync()
    {
        lock (_gate)
        {
            if (!_isOpen) return;
            _isOpen = false;
        }
        _reader.Complete();
        _writer.Complete();
        Loop.Remove(this);
        Libc.Close(File);
        if (_closed is { } closed) await closed.CancelAsync();
        await base.DisposeAsync();
    }

    private FeatureCollection CreateFeatures()
    {
        _features = new FeatureCollection();
        _features.Set<IConnectionSocketFeature>(this);
        _features.Set<IConnectionLifetimeNotificationFeature>(this);
        _features.Set<IPersistentStateFeature>(this);
        _featuresRevision = _features.Revision;
        return _features;
    }

    private IPEndPoint? ReadLocalEndPoint()
    {
        Span<byte> address = stackalloc byte[SocketAddresses.BytesMax];
        Libc.GetLocalAddress(File, address);
        return SocketAddresses.Read(address);
    }
}
