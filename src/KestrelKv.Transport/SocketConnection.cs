using System.Globalization;
using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;

namespace KestrelKv.Transport;

/// <summary>A connection of a loop. Once it has ended, it may be opened again for another client.</summary>
internal sealed class SocketConnection :
    ConnectionContext, IConnectionSocketFeature, IConnectionLifetimeNotificationFeature, IPersistentStateFeature, IDuplexPipe, ILoopFile
{
    private static long _lastNumber;

    private readonly SocketReader _reader;
    private readonly SocketWriter _writer;

    /// <summary>Guards the file's number: whoever uses it from another thread holds this, and nobody closes it meanwhile.</summary>
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

    /// <summary>The number of the socket's file: valid until the connection is disposed of.</summary>
    public int File { get; private set; }

    /// <summary>Why it was aborted; null where it was not.</summary>
    public ConnectionAbortedException? Abortion => _abortion;

    /// <inheritdoc/>
    public Socket Socket => _socket ??= new Socket(new SafeSocketHandle(File, ownsHandle: false));

    /// <summary>The listener that accepted it; null before the first <see cref="Open"/>.</summary>
    public EpollListener? Listener { get; private set; }

    /// <summary>The loop that serves it.</summary>
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

    /// <summary>What a handler keeps for the next client that this object serves.</summary>
    IDictionary<object, object?> IPersistentStateFeature.State => _state ??= new ConnectionItems();

    PipeReader IDuplexPipe.Input => _reader;

    PipeWriter IDuplexPipe.Output => _writer;

    /// <summary>Opens it for a client.</summary>
    /// <param name="file">The number of its socket's file, which this object closes.</param>
    /// <param name="address">The client's address.</param>
    /// <param name="listener">The listener that accepted it.</param>
    public void Open(int file, ReadOnlySpan<byte> address, EpollListener listener)
    {
        File = file;
        address.CopyTo(_address);
        Listener = listener;
        _reader.Open();
        _writer.Open();
        (_remote, _local, _id, _items, _socket, _closed, _abortion) = (null, null, null, null, null, null, null);
        Transport = this;

        // Whoever has requested the close may yet have to cancel it.
        if (_isCloseRequested || _closeRequested?.TryReset() == false) _closeRequested = null;
        _isCloseRequested = false;
        if (_features?.Revision != _featuresRevision) _features = null;
        _isOpen = true;
    }

    /// <summary>Starts its handler on the loop's thread.</summary>
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

    /// <summary>The loop's thread: what has happened. It may be less, as of a file that had the same number before.</summary>
    public void OnEvents(uint events)
    {
        bool ending = (events & (Libc.ReadHungUp | Libc.HungUp | Libc.Failed)) != 0;
        if (ending) _reader.MarkEnding();

        // Who has a turn to come has all in it that has come by then, and not two turns.
        if ((ending || (events & Libc.CanRead) != 0) && Volatile.Read(ref _hasTurn) == 0) _reader.OnReadable();
        if (ending || (events & Libc.CanWrite) != 0) _writer.OnWritable();
    }

    /// <summary>Asks for a turn to be received from.</summary>
    public void PostRead()
    {
        if (Interlocked.Exchange(ref _hasTurn, 1) == 0) Loop.Post(this);
    }

    /// <summary>The loop's thread: the turn that was asked for.</summary>
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

    /// <summary>Requests the close of a connection that a listener has accepted; null for any.</summary>
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
    /// <remarks>To be called before the handler has ended: after that, the connection may be another client's.</remarks>
    public override void Abort(ConnectionAbortedException abortReason) => Abort(abortReason, null);

    /// <summary>Aborts a connection that a listener has accepted; null for any.</summary>
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
