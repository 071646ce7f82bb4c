using System.Net;
using System.Net.Sockets;

namespace KestrelKv.Server.Security;

/// <summary>
/// Delays the replies to failed authentications from addresses that have caused many. Valid secrets are never delayed, and no user is
/// locked, so an attacker cannot keep others out.
/// </summary>
/// <remarks>
/// Each IPv4 address and each IPv6 /64 network has a token bucket. The table is bounded: addresses beyond it share one bucket.
/// Thread-safe.
/// </remarks>
internal sealed class LoginThrottle(TimeProvider time)
{
    /// <summary>The number of failures without delay.</summary>
    private const int Burst = 10;

    /// <summary>The maximum number of addresses in the table.</summary>
    private const int AddressesMax = 4_096;

    /// <summary>The time after which one more failure is without delay.</summary>
    private static readonly TimeSpan RefillTime = TimeSpan.FromSeconds(6);

    /// <summary>The delay of a failure beyond the burst.</summary>
    private static readonly TimeSpan Delay = TimeSpan.FromSeconds(2);

    private readonly Dictionary<IPAddress, Bucket> _buckets = [];
    private readonly Bucket _others = new();
    private readonly Lock _lock = new();
    private long _sweptAt = time.GetTimestamp();

    /// <summary>Counts a failure and returns the delay of its reply.</summary>
    public TimeSpan OnFailure(IPAddress? address)
    {
        long now = time.GetTimestamp();
        lock (_lock)
        {
            Bucket bucket = BucketOf(NetworkOf(address ?? IPAddress.None), now);
            Refill(bucket, now);
            bucket.Failures++;
            return bucket.Failures > Burst ? Delay : TimeSpan.Zero;
        }
    }

    /// <summary>Returns the address whose failures count together: an IPv4 address, or an IPv6 network of 64 bits.</summary>
    internal static IPAddress NetworkOf(IPAddress address)
    {
        if (address.IsIPv4MappedToIPv6) return address.MapToIPv4();
        if (address.AddressFamily != AddressFamily.InterNetworkV6) return address;
        byte[] bytes = address.GetAddressBytes();
        Array.Clear(bytes, 8, 8);
        return new(bytes);
    }

    private Bucket BucketOf(IPAddress network, long now)
    {
        if (_buckets.TryGetValue(network, out Bucket? bucket)) return bucket;
        if (_buckets.Count >= AddressesMax && time.GetElapsedTime(_sweptAt, now) >= RefillTime)
        {
            _sweptAt = now;
            foreach ((IPAddress key, Bucket old) in _buckets)
            {
                Refill(old, now);
                if (old.Failures == 0) _buckets.Remove(key);
            }
        }
        if (_buckets.Count >= AddressesMax) return _others;
        return _buckets[network] = new Bucket { RefilledAt = now };
    }

    private void Refill(Bucket bucket, long now)
    {
        int refills = (int)Math.Min(int.MaxValue, time.GetElapsedTime(bucket.RefilledAt, now) / RefillTime);
        if (refills == 0) return;
        bucket.Failures = Math.Max(0, bucket.Failures - refills);
        bucket.RefilledAt = now;
    }

    private sealed class Bucket
    {
        public int Failures { get; set; }

        public long RefilledAt { get; set; }
    }
}
