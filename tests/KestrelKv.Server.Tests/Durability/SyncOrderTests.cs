using System.Text;
using KestrelKv.Server.Tests.Admin;
using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Durability;

/// <summary>The order of system calls: no reply is sent before all writes that it reports are synced.</summary>
public sealed class SyncOrderTests
{
    private const int Clients = 4;
    private const int Batches = 12;

    /// <summary>The numbers of writes that a client sends at once, in a cycle of batches.</summary>
    private static readonly int[] BatchWrites = [1, 1, 3, 20];

    [StraceFact]
    public async Task Replies_ToWritesAndReads_AreSentAfterTheSync()
    {
        SyncOrder order = await TraceAsync("Data:Durability=Always");
        Assert.Equal(Expected(), order.Reported.Order());
        Assert.Empty(order.ReportedTooEarly);
    }

    /// <summary>Checks the check itself: it must detect a server in a mode that does not wait for syncs.</summary>
    [StraceFact]
    public async Task Replies_OfAServerThatDoesNotWait_AreDetected()
    {
        SyncOrder order = await TraceAsync("Data:Durability=EverySec");
        Assert.Equal(Expected(), order.Reported.Order());
        Assert.True(order.ReportedTooEarly.Count > order.Reported.Count / 2, $"{order.ReportedTooEarly.Count} of {order.Reported.Count}");
    }

    /// <summary>Slow syncs delay only the requests that wait for them.</summary>
    [StraceFact]
    public async Task Replies_ToRequestsThatNeedNotWait_AreSentBeforeTheSync()
    {
        await using ServerProcess server = await ServerProcess.StartAsync();
        string[] options = [.. SyncOrder.Options, "-e", "inject=fdatasync:delay_enter=300000"];
        await using Strace strace = await Strace.AttachAsync(server, options);
        using WireClient unsynced = await WireClient.ConnectAsync(server.WirePort);
        using WireClient synced = await WireClient.ConnectAsync(server.WirePort);
        for (int number = 0; number < 5; number++)
        {
            string early = SyncOrder.MarkOf(0, number), late = SyncOrder.MarkOf(1, number);
            await synced.SendAsync(Frames.Of(Frames.Put(late, $"\"{late}\"")));
            string put = Frames.Put(early, $"\"{early}\", \"ack\": \"memory\"");
            await unsynced.SendAsync(Frames.Of(put));
            Assert.Equal(Frames.PutReply(early), await unsynced.ReceiveAsync());
            Assert.Equal(Frames.PutReply(late), await synced.ReceiveAsync());
        }
        SyncOrder order = new(await strace.StopAsync());
        Assert.Equal(10, order.Reported.Count);
        Assert.NotEmpty(order.ReportedTooEarly);
        Assert.All(order.ReportedTooEarly, mark => Assert.StartsWith("mark-0-", mark, StringComparison.Ordinal));
    }

    private static IEnumerable<string> Expected()
    {
        int writes = Enumerable.Range(0, Batches).Sum(batch => BatchWrites[batch % BatchWrites.Length]);
        IEnumerable<string> wire = Enumerable.Range(0, Clients).SelectMany(
            client => Enumerable.Range(0, writes).Select(number => SyncOrder.MarkOf(client, number)));
        return wire.Concat(Enumerable.Range(0, Batches).Select(number => SyncOrder.MarkOf(Clients, number))).Order();
    }

    /// <summary>Several clients write, one of them over HTTP, while another reads the same keys.</summary>
    private static async Task<SyncOrder> TraceAsync(string mode)
    {
        await using ServerProcess server = await ServerProcess.StartAsync([mode, "Data:SegmentBytes=1048576"]);
        await using Strace strace = await Strace.AttachAsync(server, SyncOrder.Options);
        IEnumerable<Task> clients = Enumerable.Range(0, Clients).Select(client => WriteAsync(server.WirePort, client));
        Task writing = Task.WhenAll([WriteOverHttpAsync(server.Admin), .. clients]);
        await ReadUntilAsync(server.WirePort, writing);
        await writing;
        return new(await strace.StopAsync());
    }

    private static async Task WriteAsync(int port, int client)
    {
        using WireClient wire = await WireClient.ConnectAsync(port);
        int next = 0;
        for (int batch = 0; batch < Batches; batch++)
        {
            string[] marks =
                [.. Enumerable.Range(0, BatchWrites[batch % BatchWrites.Length]).Select(_ => SyncOrder.MarkOf(client, next++))];

            // One batch has values that fill several buffers.
            await wire.SendAsync(
                Frames.Stream(marks.Select(mark => Frames.Put(mark, $"\"{mark}{new string('x', batch == 6 ? 9_000 : 10)}\""))));
            foreach (string mark in marks) Assert.Equal(Frames.PutReply(mark), await wire.ReceiveAsync());
        }
    }

    private static async Task WriteOverHttpAsync(Uri admin)
    {
        for (int number = 0; number < Batches; number++)
        {
            string mark = SyncOrder.MarkOf(Clients, number);
            RawResponse put = await RawHttp.SendAsync(admin, "PUT", $"/v1/keys/{mark}", body: Encoding.UTF8.GetBytes($"\"{mark}\""));
            Assert.Equal(201, put.Status);
        }
    }

    /// <summary>Reads the keys while they are being written.</summary>
    private static async Task ReadUntilAsync(int port, Task written)
    {
        using WireClient wire = await WireClient.ConnectAsync(port);
        for (int number = 0; !written.IsCompleted; number++)
        {
            string[] marks = [.. Enumerable.Range(0, Clients + 1).Select(client => SyncOrder.MarkOf(client, number % (3 * Batches)))];
            await wire.SendAsync(Frames.Stream(marks.Select(Frames.Get)));
            foreach (string mark in marks) Assert.Contains(mark, await wire.ReceiveAsync(), StringComparison.Ordinal);
        }
    }
}
