using System.Globalization;
using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;

namespace KestrelKv.Transport;

/// <summary>A connection of a loop.</summary>
internal sealed class SocketConnection : ConnectionContext, IConnectionSocketFeature, IDuplexPipe
{
    private static long _lastNumber;

    private readonly SocketReader _reader;
    private readonly SocketWriter _writer;
    private readonly CancellationTokenSource _closed = new();
    private volatile ConnectionAbortedException? _abortion;
    private string? _id;
    private IDictionary<object, object?>? _items;
    private int _hasTurn;
    private int _disposed;

    public SocketConnection(Socket socket, EventLoop loop)
    {
        (Socket, Loop) = (socket, loop);
        File = (int)socket.Handle;
        (LocalEndPoint, RemoteEndPoint) = (socket.LocalEndPoint, socket.RemoteEndPoint);
        ConnectionClosed = _closed.Token;
        Transport = this;
        _reader = new SocketReader(this);
        _writer = new SocketWriter(this);
        Features.Set<IConnectionSocketFeature>(this);
        loop.Add(this);
    }

    /// <summary>The number of the socket's file: valid until the connection is disposed of.</summary>
    public int File { get; }

    /// <summary>Why it was aborted; null where it was not.</summary>
    public ConnectionAbortedException? Abortion => _abortion;

    public Socket Socket { get; }

    /// <summary>The loop that serves it.</summary>
    public EventLoop Loop { get; }

    public override string ConnectionId
    {
        get => _id ??= Interlocked.Increment(ref _lastNumber).ToString(CultureInfo.InvariantCulture);
        set => _id = value;
    }

    public override IFeatureCollection Features { get; } = new FeatureCollection();

    public override IDictionary<object, object?> Items
    {
        get => _items ??= new ConnectionItems();
        set => _items = value;
    }

    public override IDuplexPipe Transport { get; set; }

    public override EndPoint? LocalEndPoint { get; set; }

    public override EndPoint? RemoteEndPoint { get; set; }

    public override CancellationToken ConnectionClosed { get; set; }

    PipeReader IDuplexPipe.Input => _reader;

    PipeWriter IDuplexPipe.Output => _writer;

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
        Interlocked.Exchange(ref _hasTurn, 0);
        _reader.OnReadable();
    }

    public override void Abort(ConnectionAbortedException abortReason)
    {
        if (Interlocked.CompareExchange(ref _abortion, abortReason, null) is not null) return;
        Shutdown();
        Task.Run(_closed.Cancel);
    }

    public override async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 1) return;
        _reader.Complete();
        _writer.Complete();
        Loop.Remove(this);
        Shutdown();
        Socket.Dispose();
        await _closed.CancelAsync();
        await base.DisposeAsync();
    }

    /// <summary>Tells the client of the end, and wakes who waits for it.</summary>
    private void Shutdown()
    {
        try
        {
            Socket.Shutdown(SocketShutdown.Both);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // The client was first.
        }
    }
}
