using System.Diagnostics;
using KestrelKv.Cli.Hosting;
using KestrelKv.Client;

namespace KestrelKv.Cli.Transfer.Import;

/// <summary>Sends batches, several at a time, and waits for their replies in order.</summary>
/// <remarks>
/// All batches are sent on one connection, in order. A batch that is repeated, because the server refused an operation or failed for a moment,
/// may be executed after later ones. So two batches with a common key are never in flight together.
/// </remarks>
/// <param name="client">The client; null to send nothing.</param>
/// <param name="onEnded">Receives each batch after its execution, before it is reused.</param>
/// <param name="onRefused">Receives the number of a refused line, and the reason. It throws to end the import.</param>
internal sealed class BatchQueue(KestrelKvClient? client, Action<ImportBatch> onEnded, Action<long, string> onRefused)
{
    /// <summary>The number of batches in flight. More do not make it faster: see TRANSFER.md.</summary>
    private const int InFlightMax = 4;

    private readonly Queue<ImportBatch> _sent = new();
    private readonly Stack<ImportBatch> _free = new(Create());

    /// <summary>The batch that receives operations.</summary>
    public ImportBatch Current { get; private set; } = new(NewId());

    /// <summary>Whether the server has executed a batch.</summary>
    public bool HasApplied { get; private set; }

    /// <summary>Adds an operation to the current batch, and sends the batch if it is full.</summary>
    public void Add(scoped in ImportLine line, bool isExpired, long number)
    {
        var hash = new HashCode();
        hash.AddBytes(line.KeyBytes);
        int keyHash = hash.ToHashCode();
        if (!Current.Waits)
            foreach (ImportBatch batch in _sent) Current.Waits |= batch.MayContain(keyHash);
        Current.Add(line, isExpired, keyHash, number);
    }

    /// <summary>Sends the current batch.</summary>
    public async ValueTask SendAsync(CancellationToken stop)
    {
        if (Current.Waits) await DrainAsync(stop);
        if (client is not null && Current.Count > 0) Current.Send(client, stop);
        _sent.Enqueue(Current);
        while (_sent.Count >= InFlightMax || (_sent.TryPeek(out ImportBatch? oldest) && oldest.Call.IsCompleted)) await EndOldestAsync(stop);
        Current = _free.Pop();
    }

    /// <summary>Waits until all batches that were sent have ended.</summary>
    public async ValueTask DrainAsync(CancellationToken stop)
    {
        while (_sent.Count > 0) await EndOldestAsync(stop);
    }

    private static IEnumerable<ImportBatch> Create()
    {
        for (int i = 0; i < InFlightMax + 1; i++) yield return new(NewId());
    }

    private static string NewId() => $"kkv-import-{Guid.NewGuid():N}";

    private async ValueTask EndOldestAsync(CancellationToken stop)
    {
        ImportBatch batch = _sent.Peek();
        while (await RefusalAsync(batch) is { } refused)
        {
            onRefused(batch.LineOf(refused.Index!.Value), refused.Message);
            batch.Remove(refused.Index.Value);
            if (batch.Count == 0) break;
            Debug.Assert(client is not null);
            batch.Send(client, stop);
        }
        HasApplied |= batch.Count > 0;
        _sent.Dequeue();
        onEnded(batch);
        batch.Clear();
        _free.Push(batch);
    }

    /// <summary>Waits for a batch. Returns the failure if one operation is its cause, which passes only with a change of the file.</summary>
    private static async Task<RefusedException?> RefusalAsync(ImportBatch batch)
    {
        try
        {
            await batch.Call;
            return null;
        }
        catch (RefusedException e) when (e is { Index: >= 0, IsTransient: false } && e.Index < batch.Count)
        {
            return e;
        }
        catch (RefusedException e) when (e is { Code: "frame_too_long" })
        {
            throw CommandFailure.Failed(e.Code, $"The lines {batch.LineOf(0)} to {batch.End.Line} are longer than the server accepts: {e.Message}");
        }
    }
}
