using System.Diagnostics.CodeAnalysis;

namespace KestrelKv.Client.Connections;

/// <summary>The queued calls of a lane, in the order in which they are sent. Not thread-safe.</summary>
internal sealed class CallQueue
{
    private Queue<Call> _calls = new();

    public int Count => _calls.Count;

    public void Add(Call call) => _calls.Enqueue(call);

    public bool TryPeek([NotNullWhen(true)] out Call? call) => _calls.TryPeek(out call);

    public void Remove() => _calls.Dequeue();

    /// <summary>Puts calls before all others.</summary>
    public void AddFirst(IReadOnlyCollection<Call> calls)
    {
        if (calls.Count == 0) return;
        var all = new Queue<Call>(calls.Count + _calls.Count);
        foreach (Call call in calls) all.Enqueue(call);
        foreach (Call call in _calls) all.Enqueue(call);
        _calls = all;
    }

    /// <summary>Removes calls that have ended, and releases them.</summary>
    public void RemoveEnded()
    {
        for (int left = _calls.Count; left > 0; left--)
        {
            Call call = _calls.Dequeue();
            if (call.IsEnded) call.Release();
            else _calls.Enqueue(call);
        }
    }

    public Queue<Call>.Enumerator GetEnumerator() => _calls.GetEnumerator();
}
