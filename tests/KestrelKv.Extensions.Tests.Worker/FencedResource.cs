using KestrelKv.Client;

namespace KestrelKv.Extensions.Tests.Worker;

/// <summary>
/// A resource that protects itself: it refuses writes with a token lower than the highest one. Its value is the list of the tokens of its
/// writers.
/// </summary>
internal sealed class FencedResource(KestrelKvClient client, string name)
{
    public async Task<bool> TryWriteAsync(long token)
    {
        while (true)
        {
            Entry<long[]> current = await client.GetAsync<long[]>($"resource/{name}");
            long last = current.Value is [.., var highest] ? highest : 0;
            if (token < last) return false;
            long[] next = token == last ? current.Value! : [.. current.Value ?? [], token];
            if ((await client.PutAsync($"resource/{name}", next, new() { IfVersion = current.Version })).Applied) return true;
        }
    }
}
