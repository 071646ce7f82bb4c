using System.Buffers;
using System.IO.Pipelines;
using KestrelKv.Testing;

namespace KestrelKv.Wire.Tests;

/// <summary>The client's side of a connection in memory.</summary>
internal sealed class TestClient(TestConnection connection, PipeWriter toServer, PipeReader fromServer, Task served)
{
    /// <summary>Nothing takes as long, however busy the machine.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    public TestConnection Connection => connection;

    /// <summary>Whether the server has done with this connection.</summary>
    public bool IsServed => served.IsCompleted;

    /// <summary>Sends bytes as they are; they arrive together.</summary>
    public void Send(ReadOnlySpan<byte> bytes)
    {
        toServer.Write(bytes);
        Inline.Run(() => toServer.FlushAsync().AsTask()).GetAwaiter().GetResult();
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
        await fromServer.CopyToAsync(all).WaitAsync(Patience);
        await served.WaitAsync(Patience);
        return all.ToArray();
    }

    /// <summary>Waits until the server has done with this connection, and gives its replies.</summary>
    public async Task<List<string>> RepliesToEndAsync() => Frames.Bodies(await ReceiveToEndAsync());

    /// <summary>Waits until the server has done with this connection.</summary>
    public Task ServedAsync() => served.WaitAsync(Patience);
}
