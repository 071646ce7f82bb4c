using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Runtime.Versioning;
using KestrelKv.Testing;
using Microsoft.AspNetCore.Connections;
using Xunit.Abstractions;

namespace KestrelKv.Wire.Tests;

/// <summary>Tests that count the allocations of the whole process, and therefore run alone.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class WholeProcess
{
    public const string Name = "whole process";
}

/// <summary>The allocations for a client that connects, makes one call and closes, on real sockets.</summary>
[Collection(WholeProcess.Name)]
[SupportedOSPlatform("linux")]
public sealed class ConnectionAllocationTests(ITestOutputHelper output)
{
    /// <summary>The maximum number of bytes allocated for a connection with one call that ends normally.</summary>
    private const int BytesMax = 1_024;

    /// <summary>The maximum for a connection that the client resets: an exception reports it, and its objects are not reused.</summary>
    private const int ResetBytesMax = 6_144;

    private const int Connections = 500;

    [Theory]
    [InlineData("GET", false)]
    [InlineData("GET", true)]
    [InlineData("PUT", false)]
    public async Task Serve_ConnectionWithOneCall_AllocatesLittle(string function, bool resets)
    {
        using var wire = new SocketWire(new ConstantStore());
        await using IConnectionListener listener = await wire.ListenAsync();
        byte[] frame = Frames.Of(function == "GET" ? Frames.Get("key") : Frames.Put("key", "1"));
        byte[] reply = new byte[Frames.Of(function == "GET" ? Frames.GetReply("key", "\"constant\"") : Frames.PutReply("key")).Length];
        int bytesMax = resets ? ResetBytesMax : BytesMax;
        long least = long.MaxValue;
        for (int i = 0; i < 10; i++) least = Math.Min(least, await MeasureAsync());
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{function}: {(double)least / Connections:F1} bytes a connection"));
        if (least / Connections > bytesMax)
        {
            using var types = new AllocatedTypes();
            for (int i = 0; i < 10; i++) await MeasureAsync();
            output.WriteLine($"{types}");
        }
        if (IsOptimized) Assert.InRange(least / Connections, 0, bytesMax);

        // Returns the allocations of the process without those of this thread, which is the client.
        async Task<long> MeasureAsync()
        {
            await Wait.UntilAsync(() => wire.Connections.Count == 0, () => "connections stay open");
            long before = GC.GetTotalAllocatedBytes(precise: true) - GC.GetAllocatedBytesForCurrentThread();
            for (int i = 0; i < Connections; i++) Call(listener.EndPoint, frame, reply, resets);
            SpinWait.SpinUntil(() => wire.Connections.Count == 0, Wait.Patience);
            return GC.GetTotalAllocatedBytes(precise: true) - GC.GetAllocatedBytesForCurrentThread() - before;
        }
    }

    private static bool IsOptimized =>
        !typeof(WireConnectionHandler).Assembly.GetCustomAttributes(false).OfType<DebuggableAttribute>().Any(a => a.IsJITOptimizerDisabled);

    private static void Call(EndPoint endpoint, byte[] frame, byte[] reply, bool resets)
    {
        using var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        client.Connect(endpoint);
        client.Send(frame);
        for (int received = 0; received < reply.Length;)
        {
            int count = client.Receive(reply, received, reply.Length - received, SocketFlags.None);
            Assert.NotEqual(0, count);
            received += count;
        }
        if (resets) client.LingerState = new LingerOption(enable: true, seconds: 0);
    }
}
