using KestrelKv.Cli.Hosting;
using KestrelKv.Client;

namespace KestrelKv.Cli.Transfer;

/// <summary>Creates clients for long transfers: their calls wait for a server that restarts.</summary>
internal static class TransferClient
{
    private static readonly TimeSpan TimeoutDefault = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan StallTimeout = TimeSpan.FromSeconds(15);

    /// <summary>Returns the failure of a transfer that has changed a server before the connection was lost.</summary>
    public static CommandFailure LostAfterChanges(Exception e) =>
        CommandFailure.Failed("connection_lost", $"The connection was lost after a part of the changes: {e.Message}");

    /// <summary>Creates a client of the session's server, and verifies that the server can be reached. The caller disposes of it.</summary>
    /// <exception cref="NotSentException">The server cannot be reached.</exception>
    public static async Task<KestrelKvClient> ConnectAsync(Session session, CancellationToken stop) =>
        await ConnectAsync(session.ClientOptions, session.ClientOptions.Timeout, stop);

    /// <summary>Creates a client of another server, and verifies that the server can be reached. The caller disposes of it.</summary>
    /// <param name="options">The options, which are copied. The calls have a deadline of a minute unless the options have a longer one.</param>
    /// <param name="timeout">The deadline of the first call.</param>
    /// <param name="stop">Cancels the connection.</param>
    public static async Task<KestrelKvClient> ConnectAsync(KestrelKvClientOptions options, TimeSpan timeout, CancellationToken stop)
    {
        (bool failFast, TimeSpan before, TimeSpan stall) = (options.FailFast, options.Timeout, options.StallTimeout);
        KestrelKvClient client;
        try
        {
            options.FailFast = false;
            if (before < TimeoutDefault) options.Timeout = TimeoutDefault;
            if (stall < StallTimeout) options.StallTimeout = StallTimeout;
            client = new KestrelKvClient(options);
        }
        finally
        {
            (options.FailFast, options.Timeout, options.StallTimeout) = (failFast, before, stall);
        }
        try
        {
            await client.PingAsync(new() { FailFast = true, Timeout = timeout }, stop);
            return client;
        }
        catch
        {
            await client.DisposeAsync();
            throw;
        }
    }
}
