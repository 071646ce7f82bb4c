using KestrelKv.Client.Tests.Connections;
using KestrelKv.Testing;

namespace KestrelKv.Client.Tests.Requests;

/// <summary>Captures the request of a call.</summary>
internal static class RequestTexts
{
    /// <summary>Returns the request that a call sends, without the request id. The call is canceled.</summary>
    public static async Task<string> OfAsync(Func<KestrelKvClient, CancellationToken, Task> call, Action<KestrelKvClientOptions>? configure = null)
    {
        var server = new ScriptedServer();
        await using KestrelKvClient client = server.CreateClient(options =>
        {
            options.Retry = WriteRetry.AtLeastOnce;
            configure?.Invoke(options);
        });
        using var canceler = new CancellationTokenSource();
        Task calling = call(client, canceler.Token);
        if (calling.IsFaulted) await calling;
        ScriptedConnection connection = await server.AcceptAsync();
        string request = await connection.ReadAsync();
        await canceler.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => calling);
        return request;
    }

    /// <summary>Returns the parameters of the request that a call sends.</summary>
    public static async Task<string> ParametersAsync(string function, Func<KestrelKvClient, CancellationToken, Task> call)
    {
        string request = await OfAsync(call), head = $$"""{"func": "{{function}}", "params": {""";
        Assert.StartsWith(head, request, StringComparison.Ordinal);
        Assert.EndsWith("}}", request, StringComparison.Ordinal);
        return request[head.Length..^2];
    }

    /// <summary>Asserts that a call refuses an argument, and neither connects nor remains in progress.</summary>
    public static async Task AssertInvalidAsync(Func<KestrelKvClient, Task> call, string? argument, params string[] parts)
    {
        var server = new ScriptedServer();
        await using KestrelKvClient client = server.CreateClient();
        ArgumentException failure = await Assert.ThrowsAnyAsync<ArgumentException>(() => call(client));
        Assert.Equal(argument, failure.ParamName);
        Assert.All(parts, part => Assert.Contains(part, failure.Message, StringComparison.Ordinal));
        await Wait.UntilAsync(() => client.CallsInProgress == 0, () => "A refused call is in progress.");
        Assert.Equal(0, server.Attempts);
    }
}
