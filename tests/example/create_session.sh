curl --request POST \
  --url http://localhost:3000/api/messaging/sessions \
  --header 'Content-Type: application/json' \
  --data '{
  "agentId": "3c90c3cc-0d44-4b50-8888-8dd25736052a",
  "userId": "3c90c3cc-0d44-4b50-8888-8dd25736052a",
  "metadata": {
    "platform": "<string>",
    "username": "<string>",
    "discriminator": "<string>",
    "avatar": "<string>"
  },
  "timeoutConfig": {
    "timeoutMinutes": 722,
    "autoRenew": true,
    "maxDurationMinutes": 123,
    "warningThresholdMinutes": 123
  }
}'
