using System.Buffers;
using System.IO.Pipelines;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using KestrelKv.Testing;

namespace KestrelKv.Transport.Tests;

/// <summary>A client with an ordinary socket, and its connection.</summary>
internal sealed class TestPair(Socket client, SocketConnection connection) : IAsyncDisposable
{
    public Socket Client => client;

    public SocketConnection Connection => connection;

    public PipeReader Input => connection.Transport.Input;

    public PipeWriter Output => connection.Transport.Output;

    public bool ReaderIsWaiting => Volatile.Read(ref State((SocketReader)Input)) == SocketReader.Waiting;

    public bool WriterIsWaiting => Volatile.Read(ref State((SocketWriter)Output)) == SocketWriter.Waiting;

    public int ReaderBufferBytes => Buffer((SocketReader)Input).Length;

    public int ReaderBufferBytesNext => BufferBytes((SocketReader)Input);

    public int WriterBufferBytes => Buffer((SocketWriter)Output).Length;

    /// <summary>The number of turns that wait on the loop's thread. Must be read on that thread.</summary>
    public int LoopTurnsWaiting => Next(connection.Loop).Count;

    /// <summary>Starts a read and waits until it waits for the loop. No bytes may be available.</summary>
    public async Task<Task<ReadResult>> WaitForReadAsync(CancellationToken cancellationToken = default)
    {
        Task<ReadResult> read = Task.Run(async () => await Input.ReadAsync(cancellationToken), CancellationToken.None);
        await Wait.UntilAsync(() => ReaderIsWaiting, () => $"the read never waited: {read.Status}");
        return read;
    }

    /// <summary>Starts a flush and waits until it waits for the client to read.</summary>
    public async Task<Task<FlushResult>> WaitForFlushAsync(byte[] bytes)
    {
        Task<FlushResult> flush = Task.Run(async () => await Output.WriteAsync(bytes));
        await Wait.UntilAsync(() => WriterIsWaiting, () => $"the flush never waited: {flush.Status}");
        return flush;
    }

    public async Task<byte[]> ReadAsync(int count)
    {
        ReadResult read = await Input.ReadAtLeastAsync(count).WithTimeout();
        byte[] bytes = read.Buffer.Slice(0, count).ToArray();
        Input.AdvanceTo(read.Buffer.GetPosition(count));
        return bytes;
    }

    public Task SendAsync(byte[] bytes) => SendAsync(client, bytes);

    public Task<byte[]> ReceiveAsync(int count) => ReceiveAsync(client, count);

    public static async Task SendAsync(Socket client, ReadOnlyMemory<byte> bytes)
    {
        while (!bytes.IsEmpty) bytes = bytes[await client.SendAsync(bytes).WithTimeout()..];
    }

    /// <summary>Receives this many bytes, or fewer if the stream ends.</summary>
    public static async Task<byte[]> ReceiveAsync(Socket client, int count)
    {
        byte[] bytes = new byte[count];
        int received = 0;
        while (received < count && await client.ReceiveAsync(bytes.AsMemory(received)).WithTimeout() is var more && more > 0)
            received += more;
        return bytes[..received];
    }

    public void Reset() => Reset(client);

    public static void Reset(Socket client)
    {
        client.LingerState = new LingerOption(enable: true, seconds: 0);
        client.Dispose();
    }

    public async ValueTask DisposeAsync()
    {
        client.Dispose();
        await connection.DisposeAsync();
    }

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "_state")]
    private static extern ref int State(SocketReader reader);

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "_state")]
    private static extern ref int State(SocketWriter writer);

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "_buffer")]
    private static extern ref byte[] Buffer(SocketReader reader);

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "_buffer")]
    private static extern ref byte[] Buffer(SocketWriter writer);

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "_next")]
    private static extern ref List<SocketConnection> Next(EventLoop loop);

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "_bufferBytes")]
    private static extern ref int BufferBytes(SocketReader reader);
}
