using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace KestrelKv.Extensions.Locks;

/// <summary>Runs work in one process at a time: in the one that holds a lock, the leader. Thread-safe.</summary>
/// <example>
/// A service that runs in every process, and works in one of them:
/// <code>
/// sealed class Cleanup(LeaderElection election) : BackgroundService
/// {
///     protected override Task ExecuteAsync(CancellationToken stoppingToken) =>
///         election.RunAsync("cleanup", async (leadership, stop) =>
///         {
///             while (true)
///             {
///                 await RemoveOldFilesAsync(leadership.FencingToken, stop);
///                 await Task.Delay(TimeSpan.FromMinutes(1), stop);
///             }
///         }, stoppingToken);
/// }
/// </code>
/// </example>
/// <remarks>What <see cref="KestrelKvLock"/> states about holders is true of leaders: without a check of fencing tokens, an old leader that was paused may still write.</remarks>
public sealed class LeaderElection
{
    private readonly KestrelKvLockProvider _locks;
    private readonly ILogger _logger;

    /// <summary>Creates an election.</summary>
    /// <param name="locks">Creates the lock.</param>
    /// <param name="logger">Receives the beginning and end of each leadership; null for none.</param>
    public LeaderElection(KestrelKvLockProvider locks, ILogger<LeaderElection>? logger = null)
    {
        ArgumentNullException.ThrowIfNull(locks);
        _locks = locks;
        _logger = logger ?? NullLogger<LeaderElection>.Instance;
    }

    /// <summary>
    /// Waits until this process is the leader, and runs the work. If the leadership is lost, the work is canceled; once it has ended, the
    /// process is a candidate again.
    /// </summary>
    /// <param name="name">The name of the election, and of its lock.</param>
    /// <param name="work">
    /// The work of the leader. Its token is canceled by the loss of the leadership and by <paramref name="cancellationToken"/>: it must
    /// then end at once.
    /// </param>
    /// <param name="cancellationToken">Ends the candidacy, or the work.</param>
    /// <returns>A task that completes when the work ends by itself, or fails. The leadership then ends too.</returns>
    /// <exception cref="Client.RefusedException">The server refused a call, such as for lack of a right.</exception>
    public async Task RunAsync(string name, Func<Leadership, CancellationToken, Task> work, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(work);
        KestrelKvLock candidate = _locks.CreateLock(name);
        while (await LeadAsync(await candidate.AcquireAsync(null, cancellationToken).ConfigureAwait(false), work, cancellationToken).ConfigureAwait(false))
        {
        }
    }

    /// <summary>Runs the work until it ends or the lock is lost.</summary>
    /// <returns>Whether the leadership was lost.</returns>
    private async Task<bool> LeadAsync(KestrelKvLockHandle handle, Func<Leadership, CancellationToken, Task> work, CancellationToken cancellationToken)
    {
        await using (handle)
        {
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(handle.LostToken, cancellationToken);
            Log.LeadershipGained(_logger, handle.Name, handle.FencingToken);
            try
            {
                await work(new(handle), stop.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (IsLost())
            {
                // Work that ends without an exception is treated alike.
            }
            finally
            {
                Log.LeadershipEnded(_logger, handle.Name, handle.FencingToken);
            }
            return IsLost();
        }

        bool IsLost() => handle.LostToken.IsCancellationRequested && !cancellationToken.IsCancellationRequested;
    }
}
