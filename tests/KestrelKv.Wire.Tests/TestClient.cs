using System.Buffers;
using System.IO.Pipelines;
using System.Text;
using KestrelKv.Protocol;
using KestrelKv.Testing;

namespace KestrelKv.Wire.Tests;

/// <summary>The client side of a connection in memory.</summary>
internal sealed class TestClient(TestConnection connection, PipeWriter toServer, PipeReader fromServer, Task served)
{
    public TestConnection Connection => connection;

    public bool IsServed => served.IsCompleted;

    /// <summary>Sends bytes, which arrive together.</summary>
    public void Send(ReadOnlySpan<byte> bytes)
    {
        toServer.Write(bytes);
        Inline.Run(() => toServer.FlushAsync().AsTask()).GetAwaiter().GetResult();
    }

    /// <summary>Sends bytes without an allocation. Must be called without a synchronization context.</summary>
    public void SendInline(ReadOnlySpan<byte> bytes)
    {
        toServer.Write(bytes);
        ValueTask<FlushResult> flush = toServer.FlushAsync();
        Assert.True(flush.IsCompletedSuccessfully);
    }

    /// <summary>Receives and discards the available bytes, without an allocation.</summary>
    public void Discard()
    {
        Assert.True(fromServer.TryRead(out ReadResult read));
        fromServer.AdvanceTo(read.Buffer.End);
    }

    public void Send(params string[] bodies) => Send(Frames.Stream(bodies));

    public void EndSending(Exception? exception = null) => Inline.Run(() => toServer.Complete(exception));

    /// <summary>Returns the number of bytes that the server has sent and the client has not received.</summary>
    public long UnreadBytes()
    {
        if (!fromServer.TryRead(out ReadResult read)) return 0;
        fromServer.AdvanceTo(read.Buffer.Start);
        return read.Buffer.Length;
    }

    /// <summary>
    /// Whether nothing arrives within 300 ms of real time, for servers that may continue on another thread. On a very busy machine it may
    /// miss a fault, but it never reports one that does not exist.
    /// </summary>
    public bool HearsNothing() => !SpinWait.SpinUntil(() => UnreadBytes() > 0, TimeSpan.FromMilliseconds(300));

    /// <summary>Receives all bytes that the server has sent so far.</summary>
    public byte[] Receive()
    {
        if (!fromServer.TryRead(out ReadResult read)) return [];
        byte[] bytes = read.Buffer.ToArray();
        Inline.Run(() => fromServer.AdvanceTo(read.Buffer.End));
        return bytes;
    }

    public List<string> Replies() => Frames.Bodies(Receive());

    /// <summary>Waits for this many replies, for servers that may continue on another thread.</summary>
    public async Task<List<string>> RepliesAsync(int count)
    {
        List<string> replies = [];
        while (replies.Count < count)
        {
            ReadResult read = await fromServer.ReadAsync().AsTask().WaitAsync(Wait.Patience);
            ReadOnlySequence<byte> remaining = read.Buffer;
            while (FrameReader.TryRead(ref remaining, int.MaxValue, out ReadOnlySequence<byte> body, out _))
                replies.Add(Encoding.UTF8.GetString(body));
            Inline.Run(() => fromServer.AdvanceTo(remaining.Start, read.Buffer.End));
            if (read.IsCompleted) break;
        }
        return replies;
    }

    /// <summary>Calls a server that may continue on another thread.</summary>
    public async Task<string> CallAsync(string body)
    {
        Send(body);
        return Assert.Single(await RepliesAsync(1));
    }

    public string Call(string body)
    {
        Send(body);
        return Assert.Single(Replies());
    }

    /// <summary>Waits until the server has finished with the connection, and returns all remaining bytes.</summary>
    public async Task<byte[]> ReceiveToEndAsync()
    {
        using var all = new MemoryStream();
        await fromServer.CopyToAsync(all).WaitAsync(Wait.Patience);
        await served.WaitAsync(Wait.Patience);
        return all.ToArray();
    }

    /// <summary>Waits until the server has finished with the connection, and returns all remaining replies.</summary>
    public async Task<List<string>> RepliesToEndAsync() => Frames.Bodies(await ReceiveToEndAsync());

    public Task ServedAsync() => served.WaitAsync(Wait.Patience);
}
