using System.Buffers;
using System.IO.Pipelines;
using System.Text;
using KestrelKv.Protocol;
using KestrelKv.Testing;

namespace KestrelKv.Wire.Tests;

/// <summary>The client's side of a connection in memory.</summary>
internal sealed class TestClient(TestConnection connection, PipeWriter toServer, PipeReader fromServer, Task served)
{
    public TestConnection Connection => connection;

    /// <summary>Whether the server has done with this connection.</summary>
    public bool IsServed => served.IsCompleted;

    /// <summary>Sends bytes as they are; they arrive together.</summary>
    public void Send(ReadOnlySpan<byte> bytes)
    {
        toServer.Write(bytes);
        Inline.Run(() => toServer.FlushAsync().AsTask()).GetAwaiter().GetResult();
    }

    /// <summary>Sends bytes without making an object; only where there is no synchronization context.</summary>
    public void SendInline(ReadOnlySpan<byte> bytes)
    {
        toServer.Write(bytes);
        ValueTask<FlushResult> flush = toServer.FlushAsync();
        Assert.True(flush.IsCompletedSuccessfully);
    }

    /// <summary>Receives what has come and looks at none of it, without making an object.</summary>
    public void Discard()
    {
        Assert.True(fromServer.TryRead(out ReadResult read));
        fromServer.AdvanceTo(read.Buffer.End);
    }

    /// <summary>Sends requests; they arrive together.</summary>
    public void Send(params string[] bodies) => Send(Frames.Stream(bodies));

    /// <summary>Says that nothing more will be sent.</summary>
    public void EndSending(Exception? because = null) => Inline.Run(() => toServer.Complete(because));

    /// <summary>How many bytes the server has sent that were not received yet.</summary>
    public long UnreadBytes()
    {
        if (!fromServer.TryRead(out ReadResult read)) return 0;
        fromServer.AdvanceTo(read.Buffer.Start);
        return read.Buffer.Length;
    }

    /// <summary>
    /// Whether nothing comes for a moment of real time; to be used where the server may have gone on to another
    /// thread. On a machine that is too busy it finds no fault where there is one, but never one where there is none.
    /// </summary>
    public bool HearsNothing() => !SpinWait.SpinUntil(() => UnreadBytes() > 0, TimeSpan.FromMilliseconds(300));

    /// <summary>All that the server has sent up to now.</summary>
    public byte[] Receive()
    {
        if (!fromServer.TryRead(out ReadResult read)) return [];
        byte[] bytes = read.Buffer.ToArray();
        Inline.Run(() => fromServer.AdvanceTo(read.Buffer.End));
        return bytes;
    }

    /// <summary>The replies that the server has sent up to now.</summary>
    public List<string> Replies() => Frames.Bodies(Receive());

    /// <summary>Waits for so many replies; to be used where the server may have gone on to another thread.</summary>
    public async Task<List<string>> RepliesAsync(int count)
    {
        List<string> replies = [];
        while (replies.Count < count)
        {
            ReadResult read = await fromServer.ReadAsync().AsTask().WaitAsync(Wait.Patience);
            ReadOnlySequence<byte> rest = read.Buffer;
            while (FrameReader.TryRead(ref rest, int.MaxValue, out ReadOnlySequence<byte> body, out _))
                replies.Add(Encoding.UTF8.GetString(body));
            Inline.Run(() => fromServer.AdvanceTo(rest.Start, read.Buffer.End));
            if (read.IsCompleted) break;
        }
        return replies;
    }

    /// <summary>Sends a request and waits for its reply; to be used where the server may have gone on to another thread.</summary>
    public async Task<string> CallAsync(string body)
    {
        Send(body);
        return Assert.Single(await RepliesAsync(1));
    }

    /// <summary>Sends a request and gives its reply.</summary>
    public string Call(string body)
    {
        Send(body);
        return Assert.Single(Replies());
    }

    /// <summary>Waits until the server has done with this connection, and gives all that it has sent.</summary>
    public async Task<byte[]> ReceiveToEndAsync()
    {
        using var all = new MemoryStream();
        await fromServer.CopyToAsync(all).WaitAsync(Wait.Patience);
        await served.WaitAsync(Wait.Patience);
        return all.ToArray();
    }

    /// <summary>Waits until the server has done with this connection, and gives its replies.</summary>
    public async Task<List<string>> RepliesToEndAsync() => Frames.Bodies(await ReceiveToEndAsync());

    /// <summary>Waits until the server has done with this connection.</summary>
    public Task ServedAsync() => served.WaitAsync(Wait.Patience);
}
