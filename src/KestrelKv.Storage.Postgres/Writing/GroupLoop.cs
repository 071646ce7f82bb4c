namespace KestrelKv.Storage.Postgres.Writing;

/// <summary>Takes groups of calls from a queue, and executes one after the other. The next group gathers meanwhile.</summary>
internal sealed class GroupLoop : IAsyncDisposable
{
    private readonly Func<Workspace> _create;
    private readonly Func<List<StoreCall>, Workspace, Task> _execute;
    private readonly Task _running;

    /// <summary>Starts the loop.</summary>
    /// <param name="create">Creates the workspace of the groups.</param>
    /// <param name="execute">
    /// Executes a group, and ends its calls. Calls that have not ended are executed again, at least one fewer. The workspace has the keys
    /// of the calls.
    /// </param>
    public GroupLoop(Func<Workspace> create, Func<List<StoreCall>, Workspace, Task> execute)
    {
        (_create, _execute) = (create, execute);
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
        Workspace? workspace = null;
        while (await Queue.TakeAsync() is { } group)
        {
            try
            {
                workspace ??= _create();
                for (bool isFirst = true; HasKeys(group, workspace.Keys); isFirst = false)
                {
                    workspace.Keys.HasLarge = !isFirst;
                    await _execute(group, workspace);
                    workspace.Clear();
                }
            }
            catch (Exception e)
            {
                // After a bug, or if memory runs out, the state of the workspace is unknown.
                foreach (StoreCall call in group) call.Fail(e);
                workspace?.Dispose();
                workspace = null;
            }
        }
        workspace?.Dispose();
    }

    /// <summary>Adds the keys of the calls that have not ended, and removes the others. Returns whether there are any.</summary>
    private static bool HasKeys(List<StoreCall> group, GroupKeys keys)
    {
        group.RemoveAll(call => !call.TryAddKeys(keys));
        return group.Count > 0;
    }
}
