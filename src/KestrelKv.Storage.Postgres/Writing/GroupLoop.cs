namespace KestrelKv.Storage.Postgres.Writing;

/// <summary>Takes groups of calls from a queue, and executes one after the other. The next group gathers meanwhile.</summary>
internal sealed class GroupLoop : IAsyncDisposable
{
    private readonly PostgresStoreOptions _options;
    private readonly Func<List<StoreCall>, Workspace, Task> _execute;
    private readonly Task _running;

    /// <summary>Starts the loop.</summary>
    /// <param name="options">The options.</param>
    /// <param name="execute">Executes a group, and ends its calls. The workspace is empty.</param>
    public GroupLoop(PostgresStoreOptions options, Func<List<StoreCall>, Workspace, Task> execute)
    {
        (_options, _execute) = (options, execute);
        _running = Task.Run(RunAsync);
    }

    public CallQueue Queue { get; } = new();

    /// <summary>Executes the remaining calls, and stops.</summary>
    public async ValueTask DisposeAsync()
    {
        Queue.Close();
        await _running;
    }

    private async Task RunAsync()
    {
        var workspace = new Workspace(_options);
        while (await Queue.TakeAsync() is { } group)
        {
            try
            {
                foreach (StoreCall call in group) call.AddKeys(workspace.Keys);
                await _execute(group, workspace);
                workspace.Clear();
            }
            catch (StoreUnavailableException e)
            {
                Fail(group, e);
                workspace.Clear();
            }
            catch (Exception e)
            {
                // A bug, or no memory. The state of the workspace is unknown.
                Fail(group, e);
                workspace.Dispose();
                workspace = new(_options);
            }
        }
        workspace.Dispose();
    }

    private static void Fail(List<StoreCall> group, Exception failure)
    {
        foreach (StoreCall call in group) call.Fail(failure);
    }
}
